const SEQUENCE = 0x30
const LONG_FORM = 0x80
/** A certificate of more than 16 MiB is none; the parser behind this has a far lower limit. */
const MAX_LENGTH_BYTES = 3
/** More than any chain or bundle has. Bounds the work of one message together with its size. */
const MAX_CERTIFICATES = 256

/**
 * Takes apart DER certificates written one after the other, as the Workload API delivers chains and bundles. Looks at
 * the outermost lengths only: each piece is for `parseCertificate`.
 *
 * @throws TypeError for bytes that are no such row, or for more than 256 certificates
 * @see SPIFFE Workload API section 5.2.1
 */
export function splitCertificates(bytes: Uint8Array): readonly Uint8Array[] {
  const certificates: Uint8Array[] = []
  for (let start = 0; start < bytes.length; ) {
    const end = start + sizeAt(bytes, start)
    // Written so that a size that is not a number is refused.
    if (!(end <= bytes.length)) throw new TypeError('certificate is cut off')
    if (certificates.length === MAX_CERTIFICATES) throw new TypeError('too many certificates')
    certificates.push(bytes.slice(start, end))
    start = end
  }
  return certificates
}

/** Header and content together. X.690 section 8.1.3. */
function sizeAt(bytes: Uint8Array, start: number): number {
  const first = bytes[start + 1]
  if (bytes[start] !== SEQUENCE || first === undefined) throw new TypeError('not a certificate')
  if (first < LONG_FORM) return 2 + first
  const count = first - LONG_FORM
  if (count === 0 || count > MAX_LENGTH_BYTES) throw new TypeError('length of a certificate is not DER')
  let length = 0
  for (let index = 0; index < count; index++) length = length * 256 + (bytes[start + 2 + index] ?? Number.NaN)
  return 2 + count + length
}
