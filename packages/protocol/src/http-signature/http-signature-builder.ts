import { type Codec, portableCodec } from '../encoding/codec.ts'
import { pathOfTarget } from '../http/audience.ts'
import { type CryptoBackend, type Eventual, type SigningKey, whenReady } from '../keys/crypto-backend.ts'
import type { TokenAlgorithm } from '../keys/ml-dsa.ts'
import { CONTENT_DIGEST, type DigestAlgorithm, formatContentDigest, hasBody } from './content-digest.ts'
import type { HttpRequest, HttpResponse } from './http-message.ts'
import { MessageFields } from './message-fields.ts'
import { serializeBytes, serializeString } from './serialize-structured-field.ts'
import { buildSignatureBase } from './signature-base.ts'
import { ComponentLists, requiredComponents } from './signature-coverage.ts'
import type { SignedExchange } from './signed-exchange.ts'
import {
  type Coverage,
  REQUEST_COVERAGE,
  RESPONSE_COVERAGE,
  SIGNATURE_LABEL,
  SIGNATURE_TAG,
  withFields,
} from './wimse-profile.ts'

/** Seconds a signature lives where the caller says nothing: one request's time, with room for skew. */
const DEFAULT_TTL_SECONDS = 60

const NONCE_BYTES = 16

/** RFC 8941 section 3.1.2. */
const LABEL = /^[a-z*][a-z0-9_.*-]*$/

/** Fields that the builder writes; a message that has one already was signed before or is not what it seems. */
const OWN_FIELDS = [CONTENT_DIGEST, 'signature', 'signature-input', 'workload-identity-token']

export interface HttpSignatureBuilderOptions {
  /** Hash of the content, default SHA-256. */
  readonly digest?: DigestAlgorithm
  /** Further request fields that hold tokens, to be covered when they are present. */
  readonly otherTokenFields?: readonly string[]
}

export interface RequestSignatureContent {
  /** Seconds since the Unix epoch. */
  readonly now: number
  /** Default: the target URI without query, from the request's own scheme and authority. */
  readonly audience?: string
  /** Take no unsigned response. */
  readonly signResponse?: boolean
  /**
   * What to cover beyond the profile, each serialised as in `Signature-Input`. Fields are covered when the request has them,
   * like the profile's own.
   */
  readonly components?: readonly string[]
  /** What to call the signature, default `wimse`. */
  readonly label?: string
  readonly ttlSeconds?: number
}

export interface ResponseSignatureContent {
  /** The request as received. */
  readonly request: HttpRequest
  /** The nonce of its verified signature. */
  readonly requestNonce: string
  readonly now: number
  readonly ttlSeconds?: number
}

/** What signing adds to a message. */
export interface SignatureFields {
  /** Names and values in turn, to be sent besides the message's own. */
  readonly rawHeaders: readonly string[]
  readonly nonce: string
}

/**
 * Signs HTTP messages with the key of one WIT. Made once per WIT; component lists are compiled once for each set of fields
 * that messages come with.
 *
 * @see draft-ietf-wimse-http-signature, RFC 9421 section 3.1
 */
export class HttpSignatureBuilder {
  readonly #wit: string
  readonly #key: SigningKey<TokenAlgorithm>
  readonly #crypto: CryptoBackend
  readonly #codec: Codec
  readonly #digest: DigestAlgorithm
  readonly #requestCoverage: Coverage
  readonly #lists: ComponentLists

  /**
   * @param wit the compact WIT that goes with every message
   * @param key the private half of its `cnf.jwk`
   */
  constructor(
    wit: string,
    key: SigningKey<TokenAlgorithm>,
    crypto: CryptoBackend,
    options: HttpSignatureBuilderOptions = {},
  ) {
    this.#wit = wit
    this.#key = key
    this.#crypto = crypto
    this.#codec = crypto.codec ?? portableCodec
    this.#lists = new ComponentLists(this.#codec)
    this.#digest = options.digest ?? 'sha-256'
    this.#requestCoverage = withFields(REQUEST_COVERAGE, options.otherTokenFields)
  }

  /**
   * Keep the request with the fields added: its response is verified against it.
   *
   * @throws TypeError when the request has a field that signing writes, or no audience can be told
   * @throws SignatureError when `components` ask for what this request cannot cover: `ERR_SIGNATURE_COMPONENT`,
   *   `ERR_SIGNATURE_COMPONENT_DUPLICATE`, `ERR_SIGNATURE_COMPONENT_ABSENT`, `ERR_SIGNATURE_COMPONENT_VALUE`,
   *   `ERR_SIGNATURE_MALFORMED`
   */
  signRequest(request: HttpRequest, content: RequestSignatureContent): Eventual<SignatureFields> {
    const audience = content.audience ?? targetUri(request)
    const own = `;wimse-aud=${serializeString(audience)}${content.signResponse === true ? ';wimse-sign-response' : ''}`
    return this.#sign(request, this.#requestCoverage, content, own, (fields) => ({
      request: { message: request, fields },
    }))
  }

  /** @throws TypeError when the response has a field that signing writes */
  signResponse(response: HttpResponse, content: ResponseSignatureContent): Eventual<SignatureFields> {
    const request = { message: content.request, fields: new MessageFields(content.request.rawHeaders) }
    const own = `;wimse-req-nonce=${serializeString(content.requestNonce)}`
    return this.#sign(response, RESPONSE_COVERAGE, content, own, (fields) => ({
      request,
      response: { message: response, fields },
    }))
  }

  #sign(
    message: { readonly rawHeaders: readonly string[]; readonly body?: Uint8Array },
    coverage: Coverage,
    content: Pick<RequestSignatureContent, 'now' | 'ttlSeconds' | 'components' | 'label'>,
    ownParameters: string,
    exchangeOf: (fields: MessageFields) => SignedExchange,
  ): Eventual<SignatureFields> {
    const { now, ttlSeconds = DEFAULT_TTL_SECONDS, label = SIGNATURE_LABEL, components = [] } = content
    if (!LABEL.test(label)) throw new TypeError('a label must be the key of a structured field')
    const fields = new MessageFields(message.rawHeaders)
    rejectOwnFields(fields)
    const nonce = this.#codec.encodeBase64url(this.#crypto.randomBytes(NONCE_BYTES))
    return whenReady(this.#contentDigest(message), (digest) => {
      const added = ['Workload-Identity-Token', this.#wit, ...digest]
      fields.add(added)
      const list = this.#list(coverage, components, fields)
      const times = `;created=${requireSeconds(now)};expires=${requireSeconds(now + ttlSeconds)}`
      const parameters = `${list}${times};nonce="${nonce}";tag="${SIGNATURE_TAG}"${ownParameters}`
      const base = buildSignatureBase(this.#lists.compileText(list).components, parameters, exchangeOf(fields))
      return whenReady(this.#key.sign(this.#codec.encodeAscii(base)), (signature) => ({
        rawHeaders: [
          ...added,
          ...['Signature-Input', `${label}=${parameters}`],
          ...['Signature', `${label}=${serializeBytes(signature, this.#codec)}`],
        ],
        nonce,
      }))
    })
  }

  #contentDigest(message: { readonly body?: Uint8Array }): Eventual<readonly string[]> {
    const { body } = message
    if (body === undefined || !hasBody(message)) return []
    return whenReady(formatContentDigest(body, this.#digest, this.#crypto), (value) => ['Content-Digest', value])
  }

  /** What the profile asks for, and then what was asked for besides. */
  #list(coverage: Coverage, asked: readonly string[], fields: MessageFields): string {
    const required = requiredComponents(coverage, fields)
    if (asked.length === 0) return `(${required})`
    const { sources } = this.#lists.compileText(`(${required})`)
    const further = this.#lists
      .compileText(`(${asked.join(' ')})`)
      .components.filter(({ name, source }) => (name.startsWith('@') || fields.has(name)) && !sources.has(source))
      .map(({ source }) => source)
    return `(${[required, ...further].join(' ')})`
  }
}

function targetUri({ scheme, authority, target }: HttpRequest): string {
  if (scheme === undefined || authority === undefined) {
    throw new TypeError('a signature needs an audience, or a request with scheme and authority')
  }
  return `${scheme}://${authority}${pathOfTarget(target)}`
}

function rejectOwnFields(fields: MessageFields): void {
  const found = OWN_FIELDS.find((name) => fields.has(name))
  if (found !== undefined) throw new TypeError(`message to sign must not have the field ${found}`)
}

function requireSeconds(time: number): number {
  if (!Number.isSafeInteger(time)) throw new TypeError('times must be whole seconds')
  return time
}
