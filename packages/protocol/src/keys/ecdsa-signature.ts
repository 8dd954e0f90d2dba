/**
 * The two spellings of an ECDSA signature. JOSE, WebCrypto and HTTP signatures write r and s at full length side by side
 * (IEEE P1363); X.509 and OpenSSL write a DER SEQUENCE of two INTEGERs. node:crypto converts between them at several
 * times the cost of doing it here.
 *
 * @see RFC 7518 section 3.4, RFC 3279 section 2.2.3
 */

const SEQUENCE = 0x30
const INTEGER = 0x02

/** Longest DER form, for r and s of 66 bytes: a buffer of so many bytes takes any signature. */
export const MAX_ECDSA_DER_BYTES = 141

/**
 * @param p1363 r and s of equal length, 32 to 66 bytes each
 * @param buffer is written to, and a view of it returned: for a signature that is used before the next one is encoded
 */
export function encodeEcdsaSignature(p1363: Uint8Array, buffer?: Uint8Array): Uint8Array {
  const half = p1363.length >> 1
  const rStart = firstSignificant(p1363, 0, half)
  const sStart = firstSignificant(p1363, half, p1363.length)
  const rLength = half - rStart + signByte(p1363, rStart)
  const sLength = p1363.length - sStart + signByte(p1363, sStart)
  const length = rLength + sLength + 4
  const longForm = length > 127 ? 1 : 0
  const size = length + 2 + longForm
  const der = buffer === undefined ? new Uint8Array(size) : buffer.subarray(0, size)
  let at = 0
  der[at++] = SEQUENCE
  if (longForm === 1) der[at++] = 0x81
  der[at++] = length
  at = putInteger(der, at, p1363, rStart, half, rLength)
  putInteger(der, at, p1363, sStart, p1363.length, sLength)
  return der
}

/**
 * @param p1363 is filled and returned: twice `coordinateBytes`, whatever was in it
 * @returns r and s of `coordinateBytes` each; `undefined` unless the bytes are the one DER form of a signature whose
 *   numbers fit the curve, so that a signature has exactly one accepted spelling
 */
export function decodeEcdsaSignature(
  der: Uint8Array,
  coordinateBytes: number,
  p1363 = new Uint8Array(coordinateBytes * 2),
): Uint8Array | undefined {
  let at = 1
  let length = der[at++] ?? 0
  if (length === 0x81) {
    length = der[at++] ?? 0
    if (length < 128) return undefined
  } else if (length > 127) {
    return undefined
  }
  if (der[0] !== SEQUENCE || length !== der.length - at) return undefined
  const afterR = takeInteger(der, at, p1363, coordinateBytes)
  const afterS = afterR === undefined ? undefined : takeInteger(der, afterR, p1363, coordinateBytes * 2)
  return afterS === der.length ? p1363 : undefined
}

/** First byte that counts, and at least the last one. */
function firstSignificant(bytes: Uint8Array, start: number, end: number): number {
  let index = start
  while (index < end - 1 && bytes[index] === 0) index++
  return index
}

/** 1 when the number needs a zero byte in front, so that it does not read as negative. */
function signByte(bytes: Uint8Array, start: number): 0 | 1 {
  return (bytes[start] as number) >= 0x80 ? 1 : 0
}

function putInteger(der: Uint8Array, at: number, from: Uint8Array, start: number, end: number, length: number): number {
  der[at] = INTEGER
  der[at + 1] = length
  let write = at + 2
  if (length > end - start) der[write++] = 0
  for (let read = start; read < end; read++) der[write++] = from[read] as number
  return write
}

/** Copies a minimal non-negative INTEGER to the half of `to` that ends at `end`. Returns the index after it. */
function takeInteger(der: Uint8Array, at: number, to: Uint8Array, end: number): number | undefined {
  const length = der[at + 1] as number
  let read = at + 2
  const next = read + length
  if (der[at] !== INTEGER || length === 0 || next > der.length) return undefined
  const first = der[read] as number
  if (first >= 0x80) return undefined
  if (first === 0 && length > 1) {
    if ((der[read + 1] as number) < 0x80) return undefined
    read++
  }
  const coordinateBytes = to.length >> 1
  if (next - read > coordinateBytes) return undefined
  let write = end - coordinateBytes
  while (write < end - (next - read)) to[write++] = 0
  while (read < next) to[write++] = der[read++] as number
  return next
}
