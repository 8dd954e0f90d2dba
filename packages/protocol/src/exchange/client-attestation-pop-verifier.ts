import type { JsonObject } from '../encoding/strict-json.ts'
import { verifyJwsSignature } from '../jws/compact-jws.ts'
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from '../keys/algorithm.ts'
import { type CryptoBackend, type Eventual, whenReady } from '../keys/crypto-backend.ts'
import type { PublicJwk } from '../keys/public-jwk.ts'
import { ConfirmationKeys } from '../verification/confirmation-keys.ts'
import { ProofError } from '../verification/proof-error.ts'
import type { ReplayMemory } from '../verification/replay-memory.ts'
import { DEFAULT_CLOCK_SKEW_SECONDS } from '../verification/time-window.ts'
import { JWT_TYPES } from './oauth-names.ts'
import { decodeProof, importProofKey, requireProofAlgorithm, requireProofType } from './proof-shape.ts'
import { requireProofAge, requireProofId, useProofOnce } from './proof-use.ts'

/** Oldest proof accepted where a verifier sets nothing, in seconds. */
export const DEFAULT_MAX_ATTESTATION_POP_AGE_SECONDS = 60

export interface ClientAttestationPopVerifierOptions {
  readonly crypto: CryptoBackend
  readonly replayMemory: ReplayMemory
  /** Default: all that are asymmetric. */
  readonly algorithms?: readonly SignatureAlgorithm[]
  readonly clockSkewSeconds?: number
  /** Longest time since `iat`. */
  readonly maxAgeSeconds?: number
}

/** What one proof is held against. */
export interface ClientAttestationPopContext {
  /** The key that the attestation confirms, the only one that may have made the proof. */
  readonly confirmationJwk: PublicJwk
  /** Of that key. RFC 7638 */
  readonly thumbprint: string
  /** Issuer identifier of this authorization server, or resource identifier of this resource server. */
  readonly audience: string
  readonly now: number
  /** Whether a challenge is one of this server's. Without this none is asked for, and one that came means nothing. */
  readonly acceptsChallenge?: (challenge: string) => boolean
}

/** A proof that the key of an attestation is held by whoever sent it, now, once. */
export interface VerifiedClientAttestationPop {
  readonly id: string
  /** The algorithm that the key was used with. */
  readonly algorithm: SignatureAlgorithm
}

/**
 * Verifies Client Attestation PoP JWTs.
 *
 * @see draft-ietf-oauth-attestation-based-client-auth-11, sections 5.1 and 7.2
 */
export class ClientAttestationPopVerifier {
  readonly #options: ClientAttestationPopVerifierOptions
  readonly #algorithms: readonly SignatureAlgorithm[]
  readonly #age: { readonly maxAge: number; readonly skew: number }
  readonly #keys: ConfirmationKeys

  constructor(options: ClientAttestationPopVerifierOptions) {
    this.#options = options
    this.#algorithms = SIGNATURE_ALGORITHMS.filter((alg) => options.algorithms?.includes(alg) ?? true)
    this.#age = {
      maxAge: options.maxAgeSeconds ?? DEFAULT_MAX_ATTESTATION_POP_AGE_SECONDS,
      skew: options.clockSkewSeconds ?? DEFAULT_CLOCK_SKEW_SECONDS,
    }
    this.#keys = new ConfirmationKeys(options.crypto)
  }

  /** @throws ProofError `ERR_PROOF_*`; `ERR_PROOF_CHALLENGE` is answered with a challenge */
  verify(proof: string, context: ClientAttestationPopContext): Eventual<VerifiedClientAttestationPop> {
    const { crypto, replayMemory } = this.#options
    const { confirmationJwk, thumbprint, now } = context
    const jws = decodeProof(proof, crypto.codec)
    requireProofType(jws.header, JWT_TYPES.clientAttestationPop, 'proof of a client attestation')
    const algorithm = requireProofAlgorithm(jws.header.alg, this.#algorithms)
    return whenReady(importProofKey(this.#keys, confirmationJwk, algorithm), (key) =>
      whenReady(verifyJwsSignature(jws, key), (authentic) => {
        if (authentic !== true) {
          throw new ProofError('ERR_PROOF_SIGNATURE', 'proof was not made with the key of the client attestation')
        }
        const claims = jws.payload
        requireChallenge(claims, context)
        const times = requireProofAge(claims, now, this.#age)
        requireAudience(claims, context)
        const id = requireProofId(claims)
        const use = { kind: 'client-attestation-pop', sender: thumbprint, id, times } as const
        return whenReady(useProofOnce(use, replayMemory, crypto, now), () => ({ id, algorithm }))
      }),
    )
  }
}

function requireChallenge({ challenge }: JsonObject, { acceptsChallenge }: ClientAttestationPopContext): void {
  if (acceptsChallenge === undefined) return
  if (typeof challenge !== 'string' || acceptsChallenge(challenge) !== true) {
    throw new ProofError('ERR_PROOF_CHALLENGE', 'proof has no challenge that this server gave')
  }
}

/** For one server alone: for two, one of them could show it to the other. */
function requireAudience({ aud }: JsonObject, { audience }: ClientAttestationPopContext): void {
  const [only, second] = Array.isArray(aud) ? aud : [aud]
  if (only !== audience || second !== undefined) {
    throw new ProofError('ERR_PROOF_AUDIENCE', 'proof must be for the issuer identifier of this server alone')
  }
}
