import { collectFields, type ReceivedRequest } from '../http/request-fields.ts'
import type { WorkloadId } from '../identifier/workload-id.ts'
import { MAX_TOKEN_BYTES } from '../jws/compact-jws.ts'
import { type Eventual, whenReady } from '../keys/crypto-backend.ts'
import { ProofError } from './proof-error.ts'
import { optionalAccessToken, optionalTxnToken, requireWit } from './request-tokens.ts'
import type { VerifiedWit } from './verified-wit.ts'
import type { WitVerifier } from './wit-verifier.ts'
import type { VerifiedProof, WptVerifier } from './wpt-verifier.ts'

export interface RequestVerifierOptions {
  readonly wit: WitVerifier
  readonly wpt: WptVerifier
  /** Lower-case names of further fields this service reads as tokens; a proof must cover each that is present. */
  readonly otherTokenFields?: readonly string[]
}

/** Who sent a request, as proved by it. */
export interface VerifiedRequest {
  readonly subject: WorkloadId
  readonly wit: VerifiedWit
  readonly proof: VerifiedProof
  /** Covered by the proof, and otherwise unchecked. */
  readonly accessToken: string | undefined
  /** Covered by the proof, and otherwise unchecked. */
  readonly txnToken: string | undefined
}

const WIT_FIELD = 'workload-identity-token'
const WPT_FIELD = 'workload-proof-token'
const TXN_FIELD = 'txn-token'

/**
 * Verifies a request that carries a WIT and a WPT. All shape checks come before any cryptography.
 *
 * @see draft-ietf-wimse-workload-creds and draft-ietf-wimse-wpt, the fields' definitions
 */
export class RequestVerifier {
  readonly #wit: WitVerifier
  readonly #wpt: WptVerifier
  readonly #otherFields: readonly string[]
  readonly #wanted: ReadonlySet<string>

  constructor(options: RequestVerifierOptions) {
    this.#wit = options.wit
    this.#wpt = options.wpt
    this.#otherFields = (options.otherTokenFields ?? []).map((name) => name.toLowerCase())
    this.#wanted = new Set([WIT_FIELD, WPT_FIELD, TXN_FIELD, 'authorization', ...this.#otherFields])
  }

  /**
   * @param now seconds since the Unix epoch
   * @throws RequestError, CredentialError, ProofError: what is wrong, and of what
   */
  verify(request: ReceivedRequest, now: number): Eventual<VerifiedRequest> {
    const fields = collectFields(request.rawHeaders, this.#wanted)
    const wit = requireWit(fields.get(WIT_FIELD))
    const wpt = requireWpt(fields.get(WPT_FIELD))
    const accessToken = optionalAccessToken(fields.get('authorization'))
    const txnToken = optionalTxnToken(fields.get(TXN_FIELD))
    const otherTokens = this.#otherTokens(fields)
    return whenReady(this.#wit.verify(wit, now), (verified) =>
      whenReady(
        this.#wpt.verify(wpt, {
          wit: verified,
          target: request.target,
          now,
          otherTokens,
          ...(accessToken === undefined ? {} : { accessToken }),
          ...(txnToken === undefined ? {} : { txnToken }),
        }),
        (proof) => ({ subject: verified.subject, wit: verified, proof, accessToken, txnToken }),
      ),
    )
  }

  #otherTokens(fields: ReadonlyMap<string, readonly string[]>): Readonly<Record<string, string>> {
    const tokens: Record<string, string> = {}
    for (const name of this.#otherFields) {
      const [value, second] = fields.get(name) ?? []
      if (value === undefined) continue
      // The draft leaves repeated fields undefined; which of them a later reader takes is anyone's guess.
      if (second !== undefined) throw new ProofError('ERR_PROOF_OTHER_TOKEN', `field "${name}" came more than once`)
      tokens[name] = value
    }
    return tokens
  }
}

function requireWpt(values: readonly string[] = []): string {
  const [token, second] = values
  if (token === undefined) throw new ProofError('ERR_PROOF_MISSING', 'request has no workload proof token')
  if (second !== undefined || token.includes(',')) {
    throw new ProofError('ERR_PROOF_MULTIPLE', 'request has more than one workload proof token')
  }
  if (token.length > MAX_TOKEN_BYTES) {
    throw new ProofError('ERR_PROOF_TOO_LARGE', `proof is longer than ${MAX_TOKEN_BYTES} bytes`)
  }
  return token
}
