/** The order of the base point, little-endian. RFC 8032 section 5.1. */
const ORDER = Uint8Array.of(
  ...[0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14],
  ...[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10],
)

/**
 * Whether the second half of a signature is below the group's order. Adding the order to it would make another
 * signature for the same message out of any.
 *
 * @see RFC 8032 section 5.1.7, step 1
 */
export function isCanonicalEd25519Signature(signature: Uint8Array): boolean {
  for (let index = 31; index >= 0; index--) {
    const difference = (signature[32 + index] ?? 0xff) - (ORDER[index] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return false
}
