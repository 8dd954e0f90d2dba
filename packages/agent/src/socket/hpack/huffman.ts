import { malformed } from '../http2-input-error.ts'
import { HUFFMAN_CODE_LENGTHS } from './huffman-code-lengths.ts'

const MAX_CODE_BITS = 30
const END_OF_STRING = 256

interface CodesOfOneLength {
  readonly first: number
  readonly symbols: readonly number[]
}

/** By number of bits: the first code, and the octets that have codes from there on. */
const CODES = assignCodes()

function assignCodes(): readonly CodesOfOneLength[] {
  let first = 0
  return Array.from({ length: MAX_CODE_BITS + 1 }, (_, bits) => {
    const symbols = [...HUFFMAN_CODE_LENGTHS.keys()].filter((symbol) => HUFFMAN_CODE_LENGTHS[symbol] === bits)
    const codes = { first, symbols }
    first = (first + symbols.length) * 2
    return codes
  })
}

/**
 * @returns octets, as characters of the same number
 * @throws Http2InputError for an end of string that is spelled out, and for padding that is not the start of one. RFC 7541
 * section 5.2
 */
export function decodeHuffman(bytes: Uint8Array): string {
  const octets = Buffer.allocUnsafe(Math.floor((bytes.length * 8) / 5))
  let length = 0
  let code = 0
  let bits = 0
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((byte >> bit) & 1)
      bits += 1
      const codes = CODES[bits]
      const symbol = codes?.symbols[code - codes.first]
      if (symbol === undefined) continue
      if (symbol === END_OF_STRING) throw malformed('end of a string is spelled out')
      octets[length++] = symbol
      code = 0
      bits = 0
    }
  }
  if (bits > 7 || code !== 2 ** bits - 1) throw malformed('padding of a string is wrong')
  return octets.toString('latin1', 0, length)
}
