import { type Codec, portableCodec } from '../encoding/codec.ts'
import type { AudiencePolicy } from '../http/audience.ts'
import type { WorkloadId } from '../identifier/workload-id.ts'
import { type CryptoBackend, type Eventual, whenReady } from '../keys/crypto-backend.ts'
import { distinctiveMember } from '../keys/public-jwk.ts'
import type { ReplayMemory } from '../verification/replay-memory.ts'
import { optionalAccessToken, optionalTxnToken, requireWit } from '../verification/request-tokens.ts'
import { DEFAULT_CLOCK_SKEW_SECONDS } from '../verification/time-window.ts'
import type { VerifiedWit } from '../verification/verified-wit.ts'
import type { WitVerifier } from '../verification/wit-verifier.ts'
import { verifyContentDigest } from './content-digest.ts'
import type { HttpRequest, HttpResponse } from './http-message.ts'
import { MessageFields } from './message-fields.ts'
import { isSigned, selectSignature } from './select-signature.ts'
import { buildSignatureBase } from './signature-base.ts'
import { ComponentLists, rejectBodyWithoutDigest, requireCoverage } from './signature-coverage.ts'
import { SignatureError } from './signature-error.ts'
import {
  flagParameter,
  readParameters,
  rejectForbiddenParameters,
  requireParameter,
  type SignatureParameters,
} from './signature-parameters.ts'
import type { ResponseContext, VerifiedHttpRequest, VerifiedMessage } from './verified-message.ts'
import {
  type Coverage,
  DEFAULT_MAX_SIGNATURE_LIFETIME_SECONDS,
  REQUEST_COVERAGE,
  RESPONSE_COVERAGE,
  withFields,
} from './wimse-profile.ts'

export interface HttpSignatureVerifierOptions {
  readonly crypto: CryptoBackend
  readonly wit: Pick<WitVerifier, 'verify'>
  /** Whom this service answers to. A party that only receives responses has none. */
  readonly audience: AudiencePolicy | undefined
  /** Without one, messages can be replayed until their signatures expire. */
  readonly replayMemory: ReplayMemory | undefined
  readonly clockSkewSeconds?: number
  /** Longest time from `created` to `expires`. */
  readonly maxLifetimeSeconds?: number
  /** Further request fields this service reads as tokens; a signature must cover each that is present. */
  readonly otherTokenFields?: readonly string[]
}

/**
 * Verifies HTTP message signatures of the WIMSE profile, over requests and responses. All shape checks come before any
 * cryptography, and the identity token before the signature.
 *
 * @see draft-ietf-wimse-http-signature, RFC 9421 section 3.2
 */
export class HttpSignatureVerifier {
  readonly #options: HttpSignatureVerifierOptions
  readonly #skew: number
  readonly #requestCoverage: Coverage
  readonly #codec: Codec
  readonly #lists: ComponentLists

  constructor(options: HttpSignatureVerifierOptions) {
    this.#options = options
    this.#codec = options.crypto.codec ?? portableCodec
    this.#lists = new ComponentLists(this.#codec)
    this.#skew = options.clockSkewSeconds ?? DEFAULT_CLOCK_SKEW_SECONDS
    this.#requestCoverage = withFields(REQUEST_COVERAGE, options.otherTokenFields)
  }

  /**
   * @param now seconds since the Unix epoch
   * @param readBody for a request whose content has not been read: called once it is known who signed the rest, so that
   *   nobody else makes a service hold content in memory
   * @param clock says what time it is once the content has been read, at the pace of its sender. Without it, `now` counts to the
   *   end: for a request whose content is there.
   * @throws SignatureError `ERR_SIGNATURE_*`, one code for each rule; CredentialError, RequestError; what `readBody` throws
   */
  verifyRequest(
    request: HttpRequest,
    now: number,
    readBody: () => Eventual<Uint8Array | undefined> = () => request.body,
    clock: () => number = () => now,
  ): Eventual<VerifiedHttpRequest> {
    const fields = new MessageFields(request.rawHeaders)
    const { input, bytes } = selectSignature(fields, this.#lists)
    rejectForbiddenParameters(input.parameters)
    const parameters = readParameters(input.parameters)
    const audience = requireParameter(input.parameters, 'wimse-aud', 'string')
    const signResponse = flagParameter(input.parameters, 'wimse-sign-response')
    this.#requireTimes(parameters, now)
    this.#requireAudience(audience, request.target)
    const token = requireWit(fields.values('workload-identity-token'))
    const accessToken = optionalAccessToken(fields.values('authorization'))
    const txnToken = optionalTxnToken(fields.values('txn-token'))
    rejectBodyWithoutDigest(request, fields)
    const list = this.#lists.compile(input)
    requireCoverage(list, this.#requestCoverage, fields)
    const base = buildSignatureBase(list.components, input.source, { request: { message: request, fields } })
    return whenReady(this.#options.wit.verify(token, now), (wit) =>
      whenReady(this.#requireSignature(wit, base, bytes), () =>
        whenReady(readBody(), (body) => {
          rejectBodyWithoutDigest({ body }, fields)
          return whenReady(verifyContentDigest(fields, body, this.#options.crypto, this.#lists), () => {
            const usedAt = clock()
            // Again: with the content held back, a memory that lets go of what is over would take a used signature for a new one.
            this.#requireTimes(parameters, usedAt)
            return whenReady(this.#rejectReplay(wit, parameters, usedAt), () => ({
              ...verified(wit, parameters),
              audience,
              signResponse,
              accessToken,
              txnToken,
            }))
          })
        }),
      ),
    )
  }

  /**
   * @returns `undefined` for an unsigned response that did not have to be signed: it proves nothing
   * @throws SignatureError `ERR_SIGNATURE_*`, one code for each rule; CredentialError
   */
  verifyResponse(response: HttpResponse, context: ResponseContext): Eventual<VerifiedMessage | undefined> {
    const { request, now } = context
    const sent = new MessageFields(request.rawHeaders)
    const sentInput = selectSignature(sent, this.#lists).input.parameters
    const sentNonce = readParameters(sentInput).nonce
    const fields = new MessageFields(response.rawHeaders)
    const required = context.required === true || flagParameter(sentInput, 'wimse-sign-response')
    if (!required && !isSigned(fields)) return undefined
    const { input, bytes } = selectSignature(fields, this.#lists)
    rejectForbiddenParameters(input.parameters)
    const parameters = readParameters(input.parameters)
    rejectOtherRequest(requireParameter(input.parameters, 'wimse-req-nonce', 'string'), sentNonce)
    this.#requireTimes(parameters, now)
    const token = requireWit(fields.values('workload-identity-token'), 'response')
    rejectBodyWithoutDigest(response, fields)
    const list = this.#lists.compile(input)
    requireCoverage(list, RESPONSE_COVERAGE, fields)
    const base = buildSignatureBase(list.components, input.source, {
      request: { message: request, fields: sent },
      response: { message: response, fields },
    })
    return whenReady(this.#options.wit.verify(token, now), (wit) => {
      requirePeer(wit, context.expectedPeer)
      return whenReady(this.#requireSignature(wit, base, bytes), () =>
        whenReady(verifyContentDigest(fields, response.body, this.#options.crypto, this.#lists), () =>
          whenReady(this.#rejectReplay(wit, parameters, now), () => verified(wit, parameters)),
        ),
      )
    })
  }

  /** Each comparison is written so that a time that is no number, or was forgotten, is refused. */
  #requireTimes({ created, expires }: SignatureParameters, now: number): void {
    if (!(created - this.#skew <= now)) {
      throw new SignatureError('ERR_SIGNATURE_CREATED_IN_FUTURE', 'signature was created in the future', {
        detail: `created ${created}, now ${now}`,
      })
    }
    if (!(expires + this.#skew > now)) {
      throw new SignatureError('ERR_SIGNATURE_EXPIRED', 'signature has expired', {
        detail: `expires ${expires}, now ${now}`,
      })
    }
    const limit = this.#options.maxLifetimeSeconds ?? DEFAULT_MAX_SIGNATURE_LIFETIME_SECONDS
    if (!(expires > created && expires - created <= limit)) {
      throw new SignatureError('ERR_SIGNATURE_LIFETIME', `signature does not live between 1 and ${limit} seconds`, {
        detail: `created ${created}, expires ${expires}`,
      })
    }
  }

  #requireAudience(audience: string, target: string): void {
    const policy = this.#options.audience
    if (policy === undefined) throw new TypeError('a verifier of requests needs an audience')
    if (policy.accepts(audience, target) !== true) {
      throw new SignatureError('ERR_SIGNATURE_AUDIENCE', 'signature was made for another audience', {
        detail: `wimse-aud ${audience.slice(0, 200)}`,
      })
    }
  }

  #requireSignature(wit: VerifiedWit, base: string, bytes: Uint8Array): Eventual<void> {
    return whenReady(wit.confirmationKey.verify(this.#codec.encodeAscii(base), bytes), (authentic) => {
      if (authentic !== true) {
        throw new SignatureError('ERR_SIGNATURE_INVALID', 'signature was not made over this message with this key')
      }
    })
  }

  /** Last, so that a message refused for another reason does not use up its one use. */
  #rejectReplay(wit: VerifiedWit, { nonce, created, expires }: SignatureParameters, now: number): Eventual<void> {
    const memory = this.#options.replayMemory
    if (memory === undefined) return
    // With the key's own coordinates: two workloads that share an identifier must not block each other's messages.
    const sender = wit.subject.toString()
    // Hashed, so that what a sender writes does not decide how much memory it takes; named, so that a WPT may share it.
    const name = `http-signature\n${sender}\n${distinctiveMember(wit.confirmationJwk)}\n${nonce}`
    return whenReady(this.#options.crypto.sha256Base64url(name), (key) =>
      whenReady(memory.remember(key, expires + this.#skew, now, sender, created - this.#skew), (answer) => {
        if (answer === 'full') {
          throw new SignatureError('ERR_SIGNATURE_REPLAY_MEMORY_FULL', 'too many signatures are in use at once', {
            detail: sender,
          })
        }
        if (answer === 'away') {
          throw new SignatureError(
            'ERR_SIGNATURE_REPLAY_MEMORY_AWAY',
            'whether the signature was used before cannot be told now',
          )
        }
        // Whatever else a memory says, only "fresh" is a yes.
        if (answer !== 'fresh') {
          throw new SignatureError('ERR_SIGNATURE_REPLAYED', 'signature was used before', { detail: sender })
        }
      }),
    )
  }
}

function rejectOtherRequest(claimed: string, sent: string): void {
  if (claimed !== sent) {
    throw new SignatureError('ERR_SIGNATURE_REQUEST_NONCE', 'response answers another request')
  }
}

function requirePeer({ subject }: VerifiedWit, expected: WorkloadId | undefined): void {
  if (expected !== undefined && subject.toString() !== expected.toString()) {
    throw new SignatureError('ERR_SIGNATURE_PEER', 'response comes from another workload than was called', {
      detail: subject.toString(),
    })
  }
}

function verified(wit: VerifiedWit, { nonce, expires }: SignatureParameters): VerifiedMessage {
  return { subject: wit.subject, wit, nonce, expiresAt: expires }
}
