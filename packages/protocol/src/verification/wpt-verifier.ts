import type { JsonObject } from '../encoding/strict-json.ts'
import type { AudiencePolicy } from '../http/audience.ts'
import { type CompactJws, decodeUnverifiedJws, verifyJwsSignature } from '../jws/compact-jws.ts'
import { JwsError } from '../jws/jws-error.ts'
import { HeaderMemo, isType } from '../jws/jws-header.ts'
import { type CryptoBackend, type Eventual, whenReady } from '../keys/crypto-backend.ts'
import { distinctiveMember } from '../keys/public-jwk.ts'
import { type BoundTokens, trimSpaces } from '../presentation/build-wpt.ts'
import { ProofError, type ProofErrorCode } from './proof-error.ts'
import type { ReplayMemory } from './replay-memory.ts'
import { DEFAULT_CLOCK_SKEW_SECONDS } from './time-window.ts'
import type { VerifiedWit } from './verified-wit.ts'

/** Furthest a proof's `exp` may lie ahead where a verifier sets nothing, in seconds. */
export const DEFAULT_MAX_PROOF_LIFETIME_SECONDS = 300

const MAX_ID_LENGTH = 1024

export interface WptVerifierOptions {
  readonly crypto: CryptoBackend
  readonly audience: AudiencePolicy
  /** Without one, proofs can be replayed until they expire. */
  readonly replayMemory: ReplayMemory | undefined
  readonly clockSkewSeconds?: number
  readonly maxLifetimeSeconds?: number
}

/** What one proof is held against. */
export interface ProofContext extends BoundTokens {
  readonly wit: VerifiedWit
  /** Request target as received. */
  readonly target: string
  readonly now: number
}

export interface VerifiedProof {
  readonly id: string
  readonly expiresAt: number
  readonly audience: string
}

/**
 * Verifies Workload Proof Tokens: that the holder of the WIT's key made this proof, for this service, just now, once, and
 * for exactly the tokens that came with it.
 *
 * @see draft-ietf-wimse-wpt, the list after "To validate the WPT in the request"
 */
export class WptVerifier {
  readonly #options: WptVerifierOptions
  readonly #skew: number
  readonly #maxLifetime: number
  readonly #headers = new HeaderMemo()

  constructor(options: WptVerifierOptions) {
    this.#options = options
    this.#skew = options.clockSkewSeconds ?? DEFAULT_CLOCK_SKEW_SECONDS
    this.#maxLifetime = options.maxLifetimeSeconds ?? DEFAULT_MAX_PROOF_LIFETIME_SECONDS
  }

  /** @throws ProofError `ERR_PROOF_*`, one code for each rule of the draft's list */
  verify(proof: string, context: ProofContext): Eventual<VerifiedProof> {
    const jws = this.#decode(proof)
    requireHeader(jws, context.wit)
    return whenReady(verifyJwsSignature(jws, context.wit.confirmationKey), (authentic) => {
      if (authentic !== true)
        throw new ProofError('ERR_PROOF_SIGNATURE', 'proof was not made with the key of the credential')
      const claims = jws.payload
      const audience = this.#requireAudience(claims, context.target)
      const expiresAt = this.#requireTimes(claims, context.now)
      rejectOtherCredential(claims, context.wit)
      const id = requireId(claims)
      return whenReady(this.#rejectUnboundTokens(claims, context), () =>
        whenReady(this.#rejectReplay(id, expiresAt, context), () => ({ id, expiresAt, audience })),
      )
    })
  }

  #decode(proof: string): CompactJws {
    try {
      return decodeUnverifiedJws(proof, this.#headers, this.#options.crypto.codec)
    } catch (error) {
      if (!(error instanceof JwsError)) throw error
      const code = error.code === 'ERR_JWS_TOO_LARGE' ? 'ERR_PROOF_TOO_LARGE' : 'ERR_PROOF_MALFORMED'
      throw new ProofError(code, error.message.replace('token', 'proof'), {
        cause: error,
        ...(error.detail === undefined ? {} : { detail: error.detail }),
      })
    }
  }

  #requireAudience(claims: JsonObject, target: string): string {
    const aud = claims['aud']
    const audiences: unknown = typeof aud === 'string' ? [aud] : aud
    if (
      !Array.isArray(audiences) ||
      audiences.length === 0 ||
      !audiences.every((member) => typeof member === 'string')
    ) {
      throw new ProofError('ERR_PROOF_AUDIENCE', 'proof has no audience')
    }
    const own = audiences.find((audience: string) => this.#options.audience.accepts(audience, target))
    if (own === undefined) {
      throw new ProofError('ERR_PROOF_AUDIENCE', 'proof was made for another audience', {
        detail: `aud ${String(audiences[0]).slice(0, 200)}`,
      })
    }
    return own
  }

  #requireTimes(claims: JsonObject, now: number): number {
    const exp = claims['exp']
    if (typeof exp !== 'number' || !Number.isFinite(exp)) {
      throw new ProofError('ERR_PROOF_MALFORMED', 'proof claim "exp" is missing or not a number')
    }
    if (!(exp + this.#skew > now)) {
      throw new ProofError('ERR_PROOF_EXPIRED', 'proof has expired', { detail: `exp ${exp}, now ${now}` })
    }
    const limit = this.#maxLifetime
    if (!(exp - now <= limit + this.#skew)) {
      throw new ProofError('ERR_PROOF_LIFETIME', `proof expires more than ${limit} seconds ahead`)
    }
    const nbf = claims['nbf']
    if (nbf !== undefined && !(typeof nbf === 'number' && nbf - this.#skew <= now)) {
      throw new ProofError('ERR_PROOF_NOT_YET_VALID', 'proof is not valid yet')
    }
    return exp
  }

  /** Last, so that a proof refused for another reason does not use up its one use. */
  #rejectReplay(id: string, expiresAt: number, { wit, now }: ProofContext): Eventual<void> {
    const memory = this.#options.replayMemory
    if (memory === undefined) return
    // With the key's own coordinates: two workloads that share an identifier must not block each other's proofs.
    const sender = wit.subject.toString()
    // A proof does not say when it was made, only that it was not accepted longer than this before its end.
    const usableFrom = expiresAt - this.#maxLifetime - this.#skew
    // Hashed, so that what a sender writes does not decide how much memory a proof takes.
    return whenReady(
      this.#options.crypto.sha256Base64url(`${sender}\n${distinctiveMember(wit.confirmationJwk)}\n${id}`),
      (key) =>
        whenReady(memory.remember(key, expiresAt + this.#skew, now, sender, usableFrom), (answer) => {
          if (answer === 'full') {
            throw new ProofError('ERR_PROOF_REPLAY_MEMORY_FULL', 'too many proofs are in use at once', {
              detail: sender,
            })
          }
          if (answer === 'away') {
            throw new ProofError('ERR_PROOF_REPLAY_MEMORY_AWAY', 'whether the proof was used before cannot be told now')
          }
          // Whatever else a memory says, only "fresh" is a yes.
          if (answer !== 'fresh')
            throw new ProofError('ERR_PROOF_REPLAYED', 'proof was used before', { detail: sender })
        }),
    )
  }

  #rejectUnboundTokens(claims: JsonObject, context: ProofContext): Eventual<void> {
    return whenReady(
      this.#rejectHashMismatch(claims['ath'], context.accessToken, 'ERR_PROOF_ACCESS_TOKEN', 'the access token'),
      () =>
        whenReady(
          this.#rejectHashMismatch(claims['tth'], context.txnToken, 'ERR_PROOF_TXN_TOKEN', 'the transaction token'),
          () => this.#rejectOtherTokens(claims['oth'], context.otherTokens ?? {}),
        ),
    )
  }

  #rejectOtherTokens(oth: unknown, present: Readonly<Record<string, string>>): Eventual<void> {
    if (oth !== undefined && (typeof oth !== 'object' || oth === null || Array.isArray(oth))) {
      throw new ProofError('ERR_PROOF_OTHER_TOKEN', 'proof claim "oth" is not an object')
    }
    const hashes = (oth ?? {}) as Readonly<Record<string, unknown>>
    if (oth === undefined && Object.keys(present).length === 0) return
    // An entry that names no token this service knows is one it does not understand.
    const names = new Set([...Object.keys(hashes), ...Object.keys(present)])
    return [...names].reduce<Eventual<void>>(
      (earlier, name) =>
        whenReady(earlier, () => {
          const hash = Object.hasOwn(hashes, name) ? hashes[name] : undefined
          const token = Object.hasOwn(present, name) ? trimSpaces(present[name] as string) : undefined
          return this.#rejectHashMismatch(
            hash,
            token,
            'ERR_PROOF_OTHER_TOKEN',
            `the token in field "${name.slice(0, 64)}"`,
          )
        }),
      undefined,
    )
  }

  /** A token that came must be covered, and a hash must have its token: taking either away is an attack. */
  #rejectHashMismatch(claim: unknown, token: string | undefined, code: ProofErrorCode, what: string): Eventual<void> {
    if (claim === undefined && token === undefined) return
    if (claim === undefined) throw new ProofError(code, `proof does not cover ${what}`)
    if (token === undefined) throw new ProofError(code, `proof covers ${what}, which did not come with it`)
    return whenReady(this.#options.crypto.sha256Base64url(token), (hash) => {
      if (claim !== hash) throw new ProofError(code, `proof covers something else than ${what}`)
    })
  }
}

function requireHeader({ header }: CompactJws, wit: VerifiedWit): void {
  if (!isType(header, 'wpt+jwt')) {
    throw new ProofError('ERR_PROOF_TYPE', 'proof is not a workload proof token', {
      detail: `typ ${header.typ?.slice(0, 64) ?? 'absent'}`,
    })
  }
  if (header.alg !== wit.confirmationJwk.alg) {
    throw new ProofError('ERR_PROOF_ALGORITHM', 'proof algorithm is not the one the credential names', {
      detail: `alg ${header.alg.slice(0, 32)}`,
    })
  }
}

function rejectOtherCredential(claims: JsonObject, wit: VerifiedWit): void {
  if (claims['wth'] !== wit.digest) {
    throw new ProofError('ERR_PROOF_CREDENTIAL_MISMATCH', 'proof was made for another credential')
  }
}

function requireId(claims: JsonObject): string {
  const jti = claims['jti']
  if (typeof jti !== 'string' || jti === '' || jti.length > MAX_ID_LENGTH) {
    throw new ProofError('ERR_PROOF_ID', 'proof has no usable "jti"')
  }
  return jti
}
