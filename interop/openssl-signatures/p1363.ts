/**
 * ECDSA signatures from one spelling to the other, for a program that knows DER only. Written with big numbers on purpose:
 * nothing of it is shared with what is tested.
 */

/** @param signature r and s of equal length */
export function toDer(signature: Uint8Array): Uint8Array {
  const half = signature.length / 2
  const body = [...integer(signature.subarray(0, half)), ...integer(signature.subarray(half))]
  return Uint8Array.from([0x30, ...lengthOf(body.length), ...body])
}

/** @param der as OpenSSL writes it; what is checked here is OpenSSL's signature, not its DER */
export function fromDer(der: Uint8Array, half: number): Uint8Array {
  const bytes = [...der]
  let at = (bytes[1] ?? 0) > 0x80 ? 3 : 2
  const numbers = [0, 1].map(() => {
    const length = bytes[at + 1] ?? 0
    const content = bytes.slice(at + 2, at + 2 + length)
    at += 2 + length
    const hex = toNumber(content).toString(16)
    return Buffer.from(hex.padStart(half * 2, '0'), 'hex')
  })
  return Uint8Array.from(numbers.flatMap((number) => [...number]))
}

function integer(magnitude: Uint8Array): number[] {
  const hex = toNumber([...magnitude]).toString(16)
  const bytes = [...Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')]
  const content = (bytes[0] ?? 0) >= 0x80 ? [0, ...bytes] : bytes
  return [0x02, ...lengthOf(content.length), ...content]
}

function toNumber(bytes: readonly number[]): bigint {
  return BigInt(`0x0${bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('')}`)
}

function lengthOf(length: number): number[] {
  return length < 0x80 ? [length] : [0x81, length]
}
