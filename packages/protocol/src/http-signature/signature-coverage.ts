import { type Component, compileComponents } from './component.ts'
import { CONTENT_DIGEST, hasBody } from './content-digest.ts'
import type { MessageFields } from './message-fields.ts'
import { SignatureError } from './signature-error.ts'
import type { InnerList } from './structured-field.ts'
import type { Coverage } from './wimse-profile.ts'

const CAPACITY = 256

/**
 * Compiled component lists by their text. A service sees the same few lists all day. Bounded: emptied when full.
 */
export class ComponentLists {
  readonly #compiled = new Map<string, readonly Component[]>()

  /** @throws SignatureError `ERR_SIGNATURE_COMPONENT`, `ERR_SIGNATURE_COMPONENT_DUPLICATE` */
  compile(list: InnerList): readonly Component[] {
    const known = this.#compiled.get(list.listSource)
    if (known !== undefined) return known
    const components = compileComponents(list)
    if (this.#compiled.size >= CAPACITY) this.#compiled.clear()
    this.#compiled.set(list.listSource, components)
    return components
  }
}

/** The components that the profile asks for in this message, serialised. */
export function requiredComponents(coverage: Coverage, fields: MessageFields): readonly string[] {
  const present = coverage.whenPresent.filter((name) => fields.has(name)).map((name) => `"${name}"`)
  return [...coverage.always, ...present]
}

/**
 * What came and is not covered could have been put there, or changed, by anyone on the way. Only the plain form counts: a
 * member of a field does not speak for the field.
 *
 * @throws SignatureError `ERR_SIGNATURE_COMPONENT_UNCOVERED`
 */
export function requireCoverage(components: readonly Component[], coverage: Coverage, fields: MessageFields): void {
  const covered = new Set(components.map(({ source }) => source))
  const missing = requiredComponents(coverage, fields).find((source) => !covered.has(source))
  if (missing !== undefined) {
    throw new SignatureError('ERR_SIGNATURE_COMPONENT_UNCOVERED', 'signature does not cover all that it must', {
      detail: missing,
    })
  }
}

/** @throws SignatureError `ERR_SIGNATURE_DIGEST_MISSING` */
export function rejectBodyWithoutDigest(message: { readonly body?: Uint8Array }, fields: MessageFields): void {
  if (hasBody(message) && !fields.has(CONTENT_DIGEST)) {
    throw new SignatureError('ERR_SIGNATURE_DIGEST_MISSING', 'message has content but no content digest')
  }
}
