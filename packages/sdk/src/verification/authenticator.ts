import {
  type AudiencePolicy,
  CredentialError,
  type HttpRequest,
  HttpSignatureVerifier,
  JwtSvidVerifier,
  type PublicJwk,
  type ReplayMemory,
  RequestVerifier,
  type TrustStore,
  type WitProfile,
  WitVerifier,
  WptVerifier,
} from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { BearerTokenError } from './bearer-token-error.ts'
import type { BindingPolicy } from './binding.ts'
import { CallTokens } from './call-tokens.ts'
import type { Caller } from './caller.ts'
import type { IncomingCall } from './incoming-call.ts'

export interface AuthenticatorOptions {
  readonly trust: TrustStore
  /** Seconds since the Unix epoch, for what comes after the content of a request: that may be long in coming. */
  readonly clock: () => number
  /** Keys of bearer tokens, once they are there. Asked for only when such a token counts and comes. */
  readonly jwtTrust: () => Promise<TrustStore>
  readonly bindings: BindingPolicy
  readonly audience: AudiencePolicy
  /** The same as plain texts, one of which a bearer token must name. */
  readonly audiences: readonly string[]
  readonly replayMemory: ReplayMemory
  readonly profile: WitProfile
  readonly maxCredentialLifetimeSeconds: number
  readonly maxSignedBodyBytes: number
  readonly otherTokenFields: readonly string[]
  readonly clockSkewSeconds?: number
  readonly maxProofLifetimeSeconds?: number
}

/** A request that was signed, as far as its response must know it. */
export interface SignedCall {
  readonly request: HttpRequest
  readonly nonce: string
  /** The caller takes no unsigned response. */
  readonly signResponse: boolean
}

export interface Authenticated {
  readonly caller: Caller
  /** The key of the identity token that it was proved with: in a way that covers the access token as well. */
  readonly witKey?: PublicJwk
  readonly signed?: SignedCall
}

/**
 * Finds out who sent a request, by whichever binding it comes with. Which that is, is only a guess until the binding has
 * been verified: the policy for the caller is asked afterwards.
 */
export class Authenticator {
  readonly #options: AuthenticatorOptions
  readonly #wpt: RequestVerifier
  readonly #signatures: HttpSignatureVerifier
  #jwt: JwtSvidVerifier | undefined

  constructor(options: AuthenticatorOptions) {
    const { audience, replayMemory, otherTokenFields, maxProofLifetimeSeconds } = options
    const lifetime = maxProofLifetimeSeconds === undefined ? {} : { maxLifetimeSeconds: maxProofLifetimeSeconds }
    const shared = { crypto: nodeCrypto, audience, replayMemory, ...skewOf(options), ...lifetime }
    const wit = new WitVerifier({
      trust: options.trust,
      crypto: nodeCrypto,
      profile: options.profile,
      maxLifetimeSeconds: options.maxCredentialLifetimeSeconds,
      ...skewOf(options),
    })
    this.#options = options
    this.#wpt = new RequestVerifier({ wit, wpt: new WptVerifier(shared), otherTokenFields })
    this.#signatures = new HttpSignatureVerifier({ ...shared, wit, otherTokenFields })
  }

  /** @throws CredentialError, ProofError, SignatureError, CertificateError, RequestError, BearerTokenError */
  async authenticate(call: IncomingCall, now: number): Promise<Authenticated> {
    const { bindings } = this.#options
    const tokens = new CallTokens(call.rawHeaders)
    const peer = bindings.mayCount('mtls') ? call.tlsPeer?.(now) : undefined
    const tlsPeer = peer?.id
    const takesWpt = bindings.mayCount('wpt')
    const takesSignature = bindings.mayCount('http-signature')
    // A message that says who it is from is judged by that, whoever carried it here.
    if ((takesWpt || takesSignature) && tokens.claimsIdentity) {
      const signed = takesSignature && (!takesWpt || tokens.isSigned)
      // Whatever is shown must hold: a wrong proof beside a good one is not passed over.
      const byWpt = takesWpt && (tokens.hasProofToken || !signed) ? await this.#byWpt(call, now) : undefined
      const authenticated = signed ? await this.#bySignature(call, now) : (byWpt as Authenticated)
      return { ...authenticated, caller: { ...authenticated.caller, tlsPeer } }
    }
    if (peer !== undefined) {
      const caller = {
        id: peer.id,
        binding: 'mtls',
        expiresAt: peer.expiresAt,
        claims: {},
        audience: undefined,
      } as const
      return { caller: { ...caller, accessToken: tokens.accessToken(), txnToken: tokens.txnToken(), tlsPeer } }
    }
    const bearer = bindings.mayCount('bearer') ? tokens.bearerToken() : undefined
    if (bearer !== undefined) return { caller: await this.#byBearer(bearer, tokens, now) }
    throw new CredentialError(
      'ERR_CREDENTIAL_MISSING',
      'request does not say who it is from, in a way that counts here',
    )
  }

  async #byWpt(call: IncomingCall, now: number): Promise<Authenticated> {
    const { subject, wit, proof, accessToken, txnToken } = await this.#wpt.verify(call, now)
    const { expiresAt, claims } = wit
    const { audience } = proof
    return {
      caller: { id: subject, binding: 'wpt', expiresAt, claims, audience, accessToken, txnToken, tlsPeer: undefined },
      witKey: wit.confirmationJwk,
    }
  }

  async #bySignature(call: IncomingCall, now: number): Promise<Authenticated> {
    const { method, target, rawHeaders, readBody } = call
    if (readBody === undefined) throw new TypeError('a signed request cannot be verified without its content')
    const request: HttpRequest = { method, target, rawHeaders }
    const { maxSignedBodyBytes, clock } = this.#options
    const verified = await this.#signatures.verifyRequest(request, now, () => readBody(maxSignedBodyBytes), clock)
    const { subject, wit, audience, accessToken, txnToken, nonce, signResponse } = verified
    return {
      caller: {
        id: subject,
        binding: 'http-signature',
        expiresAt: wit.expiresAt,
        claims: wit.claims,
        audience,
        accessToken,
        txnToken,
        tlsPeer: undefined,
      },
      signed: { request, nonce, signResponse },
      witKey: wit.confirmationJwk,
    }
  }

  async #byBearer(token: string, tokens: CallTokens, now: number): Promise<Caller> {
    const trust = await this.#options.jwtTrust()
    this.#jwt ??= new JwtSvidVerifier({
      trust,
      maxLifetimeSeconds: this.#options.maxCredentialLifetimeSeconds,
      ...skewOf(this.#options),
    })
    try {
      const { audiences } = this.#options
      const { subject, expiresAt, claims, audience } = await this.#jwt.verify(token, audiences, now)
      const own = audience.find((name) => audiences.includes(name))
      return {
        id: subject,
        binding: 'bearer',
        expiresAt,
        claims,
        audience: own,
        accessToken: token,
        txnToken: tokens.txnToken(),
        tlsPeer: undefined,
      }
    } catch (error) {
      throw error instanceof CredentialError ? new BearerTokenError(error) : error
    }
  }
}

function skewOf({ clockSkewSeconds }: AuthenticatorOptions): { readonly clockSkewSeconds?: number } {
  return clockSkewSeconds === undefined ? {} : { clockSkewSeconds }
}
