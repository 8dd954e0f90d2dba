import { SignatureError } from './signature-error.ts'
import type { Item } from './structured-field.ts'

/** A field name in lower case, as it stands in a list of components. */
export const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/

/** Derived components of a request, and `@status` of a response. RFC 9421 section 2.2. */
const DERIVED: ReadonlySet<string> = new Set([
  '@method',
  '@target-uri',
  '@authority',
  '@scheme',
  '@request-target',
  '@path',
  '@query',
  '@query-param',
  '@status',
])

/** One covered component: which value of the message, in which form. */
export interface Component {
  readonly name: string
  /** As the signer wrote it: this is the text that is signed. */
  readonly source: string
  /** One text for all spellings of the same component. */
  readonly identity: string
  /** Value of the request that the signed response answers. */
  readonly fromRequest: boolean
  /** Each value as bytes (`bs`), as one structured field (`sf`), or one member of it (`key`). */
  readonly form: 'plain' | 'bs' | 'sf' | 'key'
  /** `key` of a dictionary, or `name` of a query parameter. */
  readonly member: string | undefined
}

/**
 * Reads the covered components of one signature.
 *
 * @throws SignatureError `ERR_SIGNATURE_COMPONENT` for one that is not understood, `ERR_SIGNATURE_COMPONENT_DUPLICATE`
 * @see RFC 9421 section 2, and section 2.5 on what makes a signature base fail
 */
export function compileComponents(items: readonly Item[]): readonly Component[] {
  const components = items.map(compileComponent)
  const identities = new Set(components.map(({ identity }) => identity))
  if (identities.size !== components.length) {
    throw new SignatureError('ERR_SIGNATURE_COMPONENT_DUPLICATE', 'signature covers a component twice')
  }
  return components
}

function compileComponent(item: Item): Component {
  if (item.bare.type !== 'string') throw notUnderstood(item, 'not a string')
  const name = item.bare.value
  const derived = name.startsWith('@')
  if (derived ? !DERIVED.has(name) : !FIELD_NAME.test(name)) throw notUnderstood(item, 'unknown name')
  const flag = (key: string) => {
    const value = item.parameters.get(key)
    if (value !== undefined && !(value.type === 'boolean' && value.value)) throw notUnderstood(item, `${key} not true`)
    return value !== undefined
  }
  const text = (key: string) => {
    const value = item.parameters.get(key)
    if (value !== undefined && value.type !== 'string') throw notUnderstood(item, `${key} not a string`)
    return value?.value as string | undefined
  }
  const allowed = parametersOf(name, derived)
  // Among those refused is `tr`: trailers come after the content, and nothing may be processed before it is verified.
  for (const key of item.parameters.keys()) if (!allowed.includes(key)) throw notUnderstood(item, `parameter ${key}`)
  const [fromRequest, bs, sf, key] = [flag('req'), flag('bs'), flag('sf'), text('key')]
  if (bs && (sf || key !== undefined)) throw notUnderstood(item, 'bs with sf or key')
  const member = name === '@query-param' ? text('name') : key
  if (name === '@query-param' && member === undefined) throw notUnderstood(item, 'no name')
  const form = bs ? 'bs' : key !== undefined ? 'key' : sf ? 'sf' : 'plain'
  const identity = JSON.stringify([name, fromRequest, bs, sf, member])
  return { name, source: item.source, identity, fromRequest, form, member }
}

function parametersOf(name: string, derived: boolean): readonly string[] {
  if (name === '@query-param') return ['name', 'req']
  return derived ? ['req'] : ['bs', 'sf', 'key', 'req']
}

function notUnderstood(item: Item, why: string): SignatureError {
  return new SignatureError('ERR_SIGNATURE_COMPONENT', 'signature covers a component that is not understood', {
    detail: `${item.source.slice(0, 100)}: ${why}`,
  })
}
