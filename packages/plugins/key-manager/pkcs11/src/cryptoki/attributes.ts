import { type NativeBlock, WORD_BYTES } from './native-block.ts'

/** A flag, a number, or bytes. */
export type AttributeValue = boolean | number | Uint8Array
export type Template = readonly (readonly [attribute: number, value: AttributeValue])[]

/** CK_ATTRIBUTE: type, address of the value, length of the value. */
export const ATTRIBUTE_BYTES = 3 * WORD_BYTES

export function templateBytes(template: Template): number {
  return template.reduce((bytes, [, value]) => bytes + ATTRIBUTE_BYTES + aligned(encode(value).length), 0)
}

/** @returns where the next thing in the block may begin */
export function writeTemplate(block: NativeBlock, offset: number, template: Template): number {
  let valueAt = offset + template.length * ATTRIBUTE_BYTES
  for (const [index, [attribute, value]] of template.entries()) {
    const bytes = encode(value)
    block.bytes.set(bytes, valueAt)
    writeAttribute(block, offset + index * ATTRIBUTE_BYTES, attribute, block.addressAt(valueAt), bytes.length)
    valueAt += aligned(bytes.length)
  }
  return valueAt
}

export function writeAttribute(block: NativeBlock, offset: number, attribute: number, address: bigint, length: number) {
  block.writeWord(offset, attribute)
  block.writeWord(offset + WORD_BYTES, address)
  block.writeWord(offset + 2 * WORD_BYTES, length)
}

function encode(value: AttributeValue): Uint8Array {
  if (typeof value === 'boolean') return Uint8Array.of(Number(value))
  if (typeof value !== 'number') return value
  const word = Buffer.alloc(WORD_BYTES)
  word.writeUInt32LE(value)
  return word
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / WORD_BYTES) * WORD_BYTES
}
