/** What every proof that is a JWT must look like, whatever it proves, and the key that it must be made with. */
import type { Codec } from '../encoding/codec.ts'
import { type CompactJws, decodeUnverifiedJws } from '../jws/compact-jws.ts'
import { JwsError } from '../jws/jws-error.ts'
import { isType, type JwsHeader } from '../jws/jws-header.ts'
import { isSignatureAlgorithm, type SignatureAlgorithm } from '../keys/algorithm.ts'
import { type Eventual, type VerificationKey, whenFailed } from '../keys/crypto-backend.ts'
import { KeyError } from '../keys/key-error.ts'
import { fitsAlgorithm, type PublicJwk } from '../keys/public-jwk.ts'
import type { ConfirmationKeys } from '../verification/confirmation-keys.ts'
import { ProofError } from '../verification/proof-error.ts'

/** @throws ProofError `ERR_PROOF_TOO_LARGE`, `ERR_PROOF_MALFORMED` */
export function decodeProof(proof: string, codec: Codec | undefined): CompactJws {
  try {
    // No memory of headers: each client's may have its own key in it.
    return decodeUnverifiedJws(proof, undefined, codec)
  } catch (error) {
    if (!(error instanceof JwsError)) throw error
    const code = error.code === 'ERR_JWS_TOO_LARGE' ? 'ERR_PROOF_TOO_LARGE' : 'ERR_PROOF_MALFORMED'
    throw new ProofError(code, error.message.replace('token', 'proof'), { cause: error })
  }
}

/**
 * @param name what such a proof is called
 * @throws ProofError `ERR_PROOF_TYPE`
 */
export function requireProofType(header: JwsHeader, type: string, name: string): void {
  if (isType(header, type)) return
  throw new ProofError('ERR_PROOF_TYPE', `proof is not a ${name}`, {
    detail: `typ ${header.typ?.slice(0, 64) ?? 'absent'}`,
  })
}

/** @throws ProofError `ERR_PROOF_ALGORITHM` unless `alg` is one of `allowed`; never `none` or an HMAC */
export function requireProofAlgorithm(alg: string, allowed: readonly SignatureAlgorithm[]): SignatureAlgorithm {
  const known = isSignatureAlgorithm(alg) ? allowed.find((each) => each === alg) : undefined
  if (known !== undefined) return known
  throw new ProofError('ERR_PROOF_ALGORITHM', 'proof algorithm is not allowed', { detail: `alg ${alg.slice(0, 32)}` })
}

/** @throws ProofError `ERR_PROOF_ALGORITHM` for an algorithm that the key is not for, `ERR_PROOF_KEY` for one that is none */
export function importProofKey(
  keys: ConfirmationKeys,
  jwk: PublicJwk,
  alg: SignatureAlgorithm,
): Eventual<VerificationKey> {
  if (!fitsAlgorithm(jwk, alg) || (jwk.alg !== undefined && jwk.alg !== alg)) {
    throw new ProofError('ERR_PROOF_ALGORITHM', 'proof algorithm does not fit its key')
  }
  const refuse = (cause: unknown): never => {
    if (!(cause instanceof KeyError)) throw cause
    throw new ProofError('ERR_PROOF_KEY', 'proof has no usable key', { cause })
  }
  try {
    return whenFailed(keys.import(jwk, alg), refuse)
  } catch (error) {
    return refuse(error)
  }
}
