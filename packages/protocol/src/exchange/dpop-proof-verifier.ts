import type { JsonObject } from '../encoding/strict-json.ts'
import { normalizeAudience } from '../http/audience.ts'
import { verifyJwsSignature } from '../jws/compact-jws.ts'
import type { JwsHeader } from '../jws/jws-header.ts'
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from '../keys/algorithm.ts'
import { type CryptoBackend, type Eventual, whenReady } from '../keys/crypto-backend.ts'
import { KeyError } from '../keys/key-error.ts'
import { type PublicJwk, parsePublicJwk } from '../keys/public-jwk.ts'
import { jwkThumbprint } from '../keys/thumbprint.ts'
import { ConfirmationKeys } from '../verification/confirmation-keys.ts'
import { ProofError } from '../verification/proof-error.ts'
import type { ReplayMemory } from '../verification/replay-memory.ts'
import { DEFAULT_CLOCK_SKEW_SECONDS } from '../verification/time-window.ts'
import { JWT_TYPES } from './oauth-names.ts'
import { decodeProof, importProofKey, requireProofAlgorithm, requireProofType } from './proof-shape.ts'
import { type ProofTimes, requireProofAge, requireProofId, useProofOnce } from './proof-use.ts'

/** Oldest proof accepted where a verifier sets nothing, in seconds. RFC 9449 section 11.1: seconds to minutes. */
export const DEFAULT_MAX_DPOP_AGE_SECONDS = 60

export interface DpopVerifierOptions {
  readonly crypto: CryptoBackend
  readonly replayMemory: ReplayMemory
  /** Default: all that are asymmetric. */
  readonly algorithms?: readonly SignatureAlgorithm[]
  readonly clockSkewSeconds?: number
  /** Longest time since `iat`. */
  readonly maxAgeSeconds?: number
}

/** What one proof is held against. */
export interface DpopContext {
  /** `htm`. */
  readonly method: string
  /** The URL this server is known by, from configuration; `htu` must mean it, query and fragment apart. */
  readonly url: string
  readonly now: number
  /** The access token that came with the request: `ath`. */
  readonly accessToken?: string
  /** Thumbprint of the key that the access token is bound to. */
  readonly boundTo?: string
  /**
   * Whether a nonce is good. Without this none is asked for, and one that came says nothing: a client may have kept it from when
   * this server gave some. RFC 9449 section 4.3 step 10.
   */
  readonly acceptsNonce?: (nonce: string) => boolean
}

export interface VerifiedDpopProof {
  /** Thumbprint of the key, RFC 7638: `jkt` of what is bound to it. */
  readonly thumbprint: string
  readonly jwk: PublicJwk
  readonly id: string
}

/** A proof that holds, and is not used up yet. */
export interface UnusedDpopProof extends VerifiedDpopProof {
  /**
   * Uses it up. Nothing may be given for it before this has succeeded: until then others may be about to use it too.
   *
   * @param now when this is, in seconds since the Unix epoch. By an earlier time, a memory that has let go of what is over
   *   would take the proof for a new one.
   * @throws ProofError `ERR_PROOF_EXPIRED`, `ERR_PROOF_REPLAYED`; `ERR_PROOF_REPLAY_MEMORY_FULL`,
   *   `ERR_PROOF_REPLAY_MEMORY_AWAY` when it cannot be told
   */
  use(now: number): Eventual<void>
}

/**
 * Verifies DPoP proofs: that the sender of this request holds a key, now, once.
 *
 * @see RFC 9449 section 4.3
 */
export class DpopProofVerifier {
  readonly #options: DpopVerifierOptions
  readonly #algorithms: readonly SignatureAlgorithm[]
  readonly #skew: number
  readonly #maxAge: number
  readonly #keys: ConfirmationKeys

  constructor(options: DpopVerifierOptions) {
    this.#options = options
    this.#algorithms = SIGNATURE_ALGORITHMS.filter((alg) => options.algorithms?.includes(alg) ?? true)
    this.#skew = options.clockSkewSeconds ?? DEFAULT_CLOCK_SKEW_SECONDS
    this.#maxAge = options.maxAgeSeconds ?? DEFAULT_MAX_DPOP_AGE_SECONDS
    this.#keys = new ConfirmationKeys(options.crypto)
  }

  /**
   * Verifies a proof and uses it up. For whoever knows by then who sent it, as by an access token that is bound to its key.
   *
   * @throws ProofError `ERR_PROOF_*`; `ERR_PROOF_NONCE` is answered with a nonce
   */
  verify(proof: string, context: DpopContext): Eventual<VerifiedDpopProof> {
    return whenReady(this.verifyWithoutUse(proof, context), ({ use, ...verified }) =>
      whenReady(use(context.now), () => verified),
    )
  }

  /**
   * Verifies all but that a proof was not used before, and leaves the replay memory alone: anybody can make keys and proofs,
   * and would fill it for all. To be followed by `use`, once it is known from whom the request is.
   *
   * @throws ProofError `ERR_PROOF_*`; `ERR_PROOF_NONCE` is answered with a nonce
   */
  verifyWithoutUse(proof: string, context: DpopContext): Eventual<UnusedDpopProof> {
    const { crypto } = this.#options
    const jws = decodeProof(proof, crypto.codec)
    const { jwk, alg } = this.#requireHeader(jws.header)
    return whenReady(importProofKey(this.#keys, jwk, alg), (key) =>
      whenReady(verifyJwsSignature(jws, key), (authentic) => {
        if (authentic !== true) throw new ProofError('ERR_PROOF_SIGNATURE', 'proof was not made with the key in it')
        const claims = jws.payload
        requireTarget(claims, context)
        // RFC 9449 section 4.3 step 11.
        const times = requireProofAge(claims, context.now, { maxAge: this.#maxAge, skew: this.#skew })
        const id = requireProofId(claims)
        requireNonce(claims, context)
        return whenReady(jwkThumbprint(jwk, crypto), (thumbprint) =>
          whenReady(this.#requireTokenHash(claims, context, thumbprint), () => ({
            thumbprint,
            // With the algorithm that it was used with: a credential that confirms it must name one.
            jwk: { ...jwk, alg },
            id,
            use: (now: number) => this.#useOnce(id, thumbprint, times, now),
          })),
        )
      }),
    )
  }

  #requireHeader(header: JwsHeader): { readonly jwk: PublicJwk; readonly alg: SignatureAlgorithm } {
    requireProofType(header, JWT_TYPES.dpopProof, 'DPoP proof')
    const alg = requireProofAlgorithm(header.alg, this.#algorithms)
    return { jwk: parseKey(header.parameters['jwk']), alg }
  }

  #useOnce(id: string, thumbprint: string, times: ProofTimes, now: number): Eventual<void> {
    const { crypto, replayMemory } = this.#options
    if (!(times.expiresAt > now)) throw new ProofError('ERR_PROOF_EXPIRED', 'proof is too old')
    return useProofOnce({ kind: 'dpop', sender: thumbprint, id, times }, replayMemory, crypto, now)
  }

  #requireTokenHash(claims: JsonObject, { accessToken, boundTo }: DpopContext, thumbprint: string): Eventual<void> {
    if (boundTo !== undefined && boundTo !== thumbprint) {
      throw new ProofError('ERR_PROOF_CREDENTIAL_MISMATCH', 'proof is of another key than the token is bound to')
    }
    const { ath } = claims
    if (accessToken === undefined) {
      if (ath === undefined) return
      throw new ProofError('ERR_PROOF_ACCESS_TOKEN', 'proof covers an access token, which did not come with it')
    }
    return whenReady(this.#options.crypto.sha256Base64url(accessToken), (hash) => {
      if (ath !== hash) throw new ProofError('ERR_PROOF_ACCESS_TOKEN', 'proof does not cover the access token')
    })
  }
}

function parseKey(value: unknown): PublicJwk {
  try {
    return parsePublicJwk(value)
  } catch (cause) {
    if (!(cause instanceof KeyError)) throw cause
    throw new ProofError('ERR_PROOF_KEY', `proof has no usable key: ${cause.message}`, { cause })
  }
}

/** Steps 8 and 9. The URL comes from configuration: what the request says of its host is what its sender says. */
function requireTarget(claims: JsonObject, { method, url }: DpopContext): void {
  if (claims['htm'] !== method) throw new ProofError('ERR_PROOF_METHOD', 'proof was made for another method')
  const { htu } = claims
  if (typeof htu !== 'string' || (htu !== url && normalizeAudience(htu) !== normalizeAudience(url))) {
    throw new ProofError('ERR_PROOF_TARGET', 'proof was made for another URL')
  }
}

function requireNonce(claims: JsonObject, { acceptsNonce }: DpopContext): void {
  if (acceptsNonce === undefined) return
  const { nonce } = claims
  if (typeof nonce !== 'string' || acceptsNonce(nonce) !== true) {
    throw new ProofError('ERR_PROOF_NONCE', 'proof has no nonce that this server gave it')
  }
}
