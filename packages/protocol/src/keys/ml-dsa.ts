import type { SignatureAlgorithm } from './algorithm.ts'

/**
 * Post-quantum signatures. Not in {@link SIGNATURE_ALGORITHMS}: the JOSE names are a draft's, and a token with them is
 * larger than many servers read. Whatever accepts them was told their names by its operator.
 *
 * @see draft-ietf-cose-dilithium, FIPS 204
 */
export const ML_DSA_ALGORITHMS = ['ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87'] as const

export type MlDsaAlgorithm = (typeof ML_DSA_ALGORITHMS)[number]

/** What a plain WIT and the proofs that go with it may be signed with, once it is named. */
export type TokenAlgorithm = SignatureAlgorithm | MlDsaAlgorithm

/** Sizes in bytes. FIPS 204 section 4, table 2. */
export const ML_DSA_SIZES: Readonly<
  Record<MlDsaAlgorithm, { readonly publicKey: number; readonly signature: number }>
> = {
  'ML-DSA-44': { publicKey: 1312, signature: 2420 },
  'ML-DSA-65': { publicKey: 1952, signature: 3309 },
  'ML-DSA-87': { publicKey: 2592, signature: 4627 },
}

export function isMlDsaAlgorithm(value: unknown): value is MlDsaAlgorithm {
  return typeof value === 'string' && Object.hasOwn(ML_DSA_SIZES, value)
}
