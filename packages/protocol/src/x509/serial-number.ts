import type { CryptoBackend } from '../keys/crypto-backend.ts'
import { CertificateError } from './certificate-error.ts'
import { DerTag } from './der-tag.ts'
import { DerWriter, derSize } from './der-writer.ts'

/** RFC 5280 section 4.1.2.2: at most 20 octets as an INTEGER, sign bit included. */
const MAX_BYTES = 20
const RANDOM_BYTES = 16

/** A serial number with 126 random bits: positive, and unique without asking anyone. */
export function randomSerial(crypto: Pick<CryptoBackend, 'randomBytes'>): Uint8Array {
  const serial = crypto.randomBytes(RANDOM_BYTES)
  // Highest bit clear: no extra sign byte. The next one set: never zero, always the same length.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40
  return serial
}

/**
 * Encodes a serial number given as a big-endian unsigned number.
 *
 * @throws CertificateError `ERR_CERTIFICATE_SERIAL` when zero, empty, or more than 20 octets as an INTEGER
 */
export function encodeSerial(serial: Uint8Array): Uint8Array {
  let start = 0
  while (serial[start] === 0) start++
  const magnitude = serial.subarray(start)
  const signByte = (magnitude[0] ?? 0) >= 0x80 ? 1 : 0
  const length = magnitude.length + signByte
  if (magnitude.length === 0) throw new CertificateError('ERR_CERTIFICATE_SERIAL', 'serial number is not positive')
  if (length > MAX_BYTES) {
    throw new CertificateError('ERR_CERTIFICATE_SERIAL', `serial number is longer than ${MAX_BYTES} octets`)
  }
  const writer = new DerWriter(derSize(length)).header(DerTag.integer, length)
  if (signByte === 1) writer.byte(0)
  return writer.put(magnitude).finish()
}
