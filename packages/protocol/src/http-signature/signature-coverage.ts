import type { Codec } from '../encoding/codec.ts'
import { type Component, compileComponents } from './component.ts'
import { CONTENT_DIGEST, hasBody } from './content-digest.ts'
import type { MessageFields } from './message-fields.ts'
import { parseDictionary, type ReadingAids } from './parse-structured-field.ts'
import { SignatureError } from './signature-error.ts'
import type { InnerList, Item } from './structured-field.ts'
import type { Coverage } from './wimse-profile.ts'

const CAPACITY = 256

/** One list of components, read and understood. */
export interface CompiledList {
  readonly items: readonly Item[]
  readonly components: readonly Component[]
  /** As the signer wrote them. */
  readonly sources: ReadonlySet<string>
}

/**
 * Component lists by their text. A service sees the same few lists all day. Bounded: emptied when full. What is kept depends
 * on the text alone, so it does not matter who sent it.
 */
export class ComponentLists implements ReadingAids {
  readonly codec: Codec
  readonly #compiled = new Map<string, CompiledList>()

  /** @param codec for what else stands in the fields that lists come in */
  constructor(codec: Codec) {
    this.codec = codec
  }

  knownItems(listSource: string): readonly Item[] | undefined {
    return this.#compiled.get(listSource)?.items
  }

  /** @throws SignatureError `ERR_SIGNATURE_COMPONENT`, `ERR_SIGNATURE_COMPONENT_DUPLICATE` */
  compile({ items, listSource }: InnerList): CompiledList {
    return this.#compiled.get(listSource) ?? this.#remember(listSource, items)
  }

  /**
   * @param text a list of components without parameters of its own
   * @throws SignatureError `ERR_SIGNATURE_MALFORMED`, `ERR_SIGNATURE_TOO_LARGE`, `ERR_SIGNATURE_COMPONENT`,
   *   `ERR_SIGNATURE_COMPONENT_DUPLICATE`
   */
  compileText(text: string): CompiledList {
    const known = this.#compiled.get(text)
    if (known !== undefined) return known
    const list = parseDictionary(`list=${text}`, 'signature-input').get('list')
    if (list?.kind !== 'inner-list' || list.listSource !== text) {
      throw new SignatureError('ERR_SIGNATURE_MALFORMED', 'text is not one list of components')
    }
    return this.#remember(text, list.items)
  }

  #remember(listSource: string, items: readonly Item[]): CompiledList {
    const components = compileComponents(items)
    const compiled = { items, components, sources: new Set(components.map(({ source }) => source)) }
    if (this.#compiled.size >= CAPACITY) this.#compiled.clear()
    this.#compiled.set(listSource, compiled)
    return compiled
  }
}

/** The components that the profile asks for in this message, serialised, with spaces between them. */
export function requiredComponents({ always, whenPresent }: Coverage, fields: MessageFields): string {
  let text = always.join(' ')
  for (const { name, component } of whenPresent) if (fields.has(name)) text += ` ${component}`
  return text
}

/**
 * What came and is not covered could have been put there, or changed, by anyone on the way. Only the plain form counts: a
 * member of a field does not speak for the field.
 *
 * @throws SignatureError `ERR_SIGNATURE_COMPONENT_UNCOVERED`
 */
export function requireCoverage({ sources }: CompiledList, coverage: Coverage, fields: MessageFields): void {
  for (const component of coverage.always) {
    if (!sources.has(component)) throw uncovered(component)
  }
  for (const { name, component } of coverage.whenPresent) {
    if (!sources.has(component) && fields.has(name)) throw uncovered(component)
  }
}

function uncovered(component: string): SignatureError {
  return new SignatureError('ERR_SIGNATURE_COMPONENT_UNCOVERED', 'signature does not cover all that it must', {
    detail: component,
  })
}

/** @throws SignatureError `ERR_SIGNATURE_DIGEST_MISSING` */
export function rejectBodyWithoutDigest(
  message: { readonly body?: Uint8Array | undefined },
  fields: MessageFields,
): void {
  if (hasBody(message) && !fields.has(CONTENT_DIGEST)) {
    throw new SignatureError('ERR_SIGNATURE_DIGEST_MISSING', 'message has content but no content digest')
  }
}
