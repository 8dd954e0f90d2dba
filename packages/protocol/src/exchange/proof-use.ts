/** What holds for every proof that is made for one request: it is new, it has a name, and it is good once. */
import type { JsonObject } from '../encoding/strict-json.ts'
import { type CryptoBackend, type Eventual, whenReady } from '../keys/crypto-backend.ts'
import { ProofError } from '../verification/proof-error.ts'
import type { ReplayMemory } from '../verification/replay-memory.ts'
import { MAX_ID_LENGTH } from './single-use.ts'

/** In seconds. */
export interface ProofAge {
  /** Longest time since `iat`. */
  readonly maxAge: number
  /** Tolerated clock difference. */
  readonly skew: number
}

/** Seconds since the Unix epoch. */
export interface ProofTimes {
  /** Nobody can have accepted it before. */
  readonly usableFrom: number
  /** From then on it is refused for its age. */
  readonly expiresAt: number
}

/**
 * @throws ProofError `ERR_PROOF_MALFORMED`, `ERR_PROOF_ISSUED_IN_FUTURE`, `ERR_PROOF_EXPIRED`
 */
export function requireProofAge(claims: JsonObject, now: number, { maxAge, skew }: ProofAge): ProofTimes {
  const iat = claims['iat']
  if (typeof iat !== 'number' || !Number.isFinite(iat)) {
    throw new ProofError('ERR_PROOF_MALFORMED', 'proof claim "iat" is missing or not a number')
  }
  if (!(iat - skew <= now)) throw new ProofError('ERR_PROOF_ISSUED_IN_FUTURE', 'proof is from the future')
  if (!(iat + maxAge + skew > now)) throw new ProofError('ERR_PROOF_EXPIRED', 'proof is too old')
  return { usableFrom: iat - skew, expiresAt: iat + maxAge + skew }
}

/** @throws ProofError `ERR_PROOF_ID` */
export function requireProofId(claims: JsonObject): string {
  const { jti } = claims
  if (typeof jti === 'string' && jti !== '' && jti.length <= MAX_ID_LENGTH) return jti
  throw new ProofError('ERR_PROOF_ID', 'proof has no usable "jti"')
}

export interface SingleUseProof {
  /** One kind's ids say nothing of another's. */
  readonly kind: 'dpop' | 'client-attestation-pop'
  /** Thumbprint of the key that made it. */
  readonly sender: string
  /** `jti`. */
  readonly id: string
  readonly times: ProofTimes
}

/**
 * Uses a proof up. Last, so that one that is refused for another reason does not lose its one use.
 *
 * @throws ProofError `ERR_PROOF_REPLAYED`; `ERR_PROOF_REPLAY_MEMORY_FULL`, `ERR_PROOF_REPLAY_MEMORY_AWAY` when it cannot be
 *   told
 */
export function useProofOnce(
  { kind, sender, id, times }: SingleUseProof,
  memory: ReplayMemory,
  crypto: CryptoBackend,
  now: number,
): Eventual<void> {
  return whenReady(crypto.sha256Base64url(`${kind}\n${sender}\n${id}`), (key) =>
    whenReady(memory.remember(key, times.expiresAt, now, sender, times.usableFrom), (answer) => {
      if (answer === 'full') {
        throw new ProofError('ERR_PROOF_REPLAY_MEMORY_FULL', 'too many proofs are in use at once')
      }
      if (answer === 'away') {
        throw new ProofError('ERR_PROOF_REPLAY_MEMORY_AWAY', 'whether the proof was used before cannot be told now')
      }
      if (answer === 'forgotten') {
        throw new ProofError('ERR_PROOF_REPLAYED', 'proof may have been used before: a new one is needed')
      }
      if (answer !== 'fresh') throw new ProofError('ERR_PROOF_REPLAYED', 'proof was used before')
    }),
  )
}
