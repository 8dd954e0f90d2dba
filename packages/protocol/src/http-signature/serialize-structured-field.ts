import { type Codec, portableCodec } from '../encoding/codec.ts'
import type { BareItem, Dictionary, Item, Member, Parameters } from './structured-field.ts'

/** What an RFC 8941 string may consist of. */
const PRINTABLE = /^[ -~]*$/

/** The one canonical text of a dictionary. RFC 8941 section 4.1.2. */
export function serializeDictionary(dictionary: Dictionary): string {
  return [...dictionary]
    .map(([key, member]) =>
      member.kind === 'item' && isTrue(member.bare)
        ? key + serializeParameters(member.parameters)
        : `${key}=${serializeMember(member)}`,
    )
    .join(', ')
}

/** The one canonical text of a list. RFC 8941 section 4.1.1. */
export function serializeList(members: readonly Member[]): string {
  return members.map(serializeMember).join(', ')
}

/** The one canonical text of an item or inner list, parameters included. */
export function serializeMember(member: Member): string {
  return member.kind === 'item'
    ? serializeItem(member)
    : `(${member.items.map(serializeItem).join(' ')})${serializeParameters(member.parameters)}`
}

/** @throws TypeError for text that is not printable ASCII */
export function serializeString(text: string): string {
  if (!PRINTABLE.test(text)) throw new TypeError('a structured field string must be printable ASCII')
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

/** @param codec the runtime's own, where it is faster */
export function serializeBytes(bytes: Uint8Array, codec: Codec = portableCodec): string {
  return `:${codec.encodeBase64(bytes)}:`
}

function serializeItem({ bare, parameters }: Item): string {
  return serializeBareItem(bare) + serializeParameters(parameters)
}

function serializeParameters(parameters: Parameters): string {
  return [...parameters].map(([key, bare]) => `;${key}${isTrue(bare) ? '' : `=${serializeBareItem(bare)}`}`).join('')
}

function serializeBareItem(bare: BareItem): string {
  switch (bare.type) {
    case 'string':
      return serializeString(bare.value)
    case 'bytes':
      return serializeBytes(bare.value)
    case 'boolean':
      return bare.value ? '?1' : '?0'
    default:
      return String(bare.value)
  }
}

function isTrue(bare: BareItem): boolean {
  return bare.type === 'boolean' && bare.value
}
