import {
  CredentialError,
  InProcessReplayMemory,
  jwkThumbprint,
  PolicyError,
  ProofError,
  type PublicJwk,
  pathOfTarget,
  type TrustedKeys,
} from '@countersign/protocol'
import {
  AccessTokenVerifier,
  type Confirmation,
  certificateThumbprint,
  DpopNonces,
  DpopProofVerifier,
  type TrustedIssuer,
  type UnusedDpopProof,
  type VerifiedAccessToken,
} from '@countersign/protocol/exchange'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { IssuerKeys } from '../exchange/issuer-keys.ts'
import type { DocumentRuntime } from '../exchange/published-document.ts'
import type { PublishedKeys } from '../exchange/published-keys.ts'
import { asAccessTokenError, missingAccessToken } from './access-token-error.ts'
import { type AccessSettings, type AccessTokenOptions, readAccessOptions } from './access-token-options.ts'
import { type AccessBinding, CallAuthorization } from './call-authorization.ts'
import { CallTokens } from './call-tokens.ts'
import type { IncomingCall } from './incoming-call.ts'

const DEFAULT_MAX_LIFETIME_SECONDS = 86_400

type Scheme = 'Bearer' | 'DPoP'

/**
 * Verifies the access token of a request: that the authorization server issued it, for this service, with the scopes that it
 * takes here; and that whoever sends it holds the key that it is bound to.
 *
 * @see RFC 6750 section 2.1; RFC 9068 section 4; RFC 9449 section 7; RFC 8705 section 3
 */
export class AccessVerifier {
  readonly settings: AccessSettings
  readonly #keys: Pick<PublishedKeys, 'current' | 'refresh'>
  readonly #tokens: AccessTokenVerifier
  readonly #dpop: DpopProofVerifier
  readonly #nonces: DpopNonces | undefined
  readonly #now: () => number

  /** @throws TypeError as `readAccessOptions` */
  constructor(options: AccessTokenOptions, runtime: DocumentRuntime) {
    const { clockSkewSeconds, maxProofAgeSeconds, maxLifetimeSeconds = DEFAULT_MAX_LIFETIME_SECONDS } = options
    const skew = clockSkewSeconds === undefined ? {} : { clockSkewSeconds }
    this.settings = readAccessOptions(options)
    this.#now = runtime.now
    this.#keys = options.keys ?? new IssuerKeys(options.issuer, runtime)
    this.#tokens = new AccessTokenVerifier({ crypto: nodeCrypto, maxLifetimeSeconds, ...skew })
    this.#nonces = options.dpopNonce === true ? new DpopNonces(nodeCrypto) : undefined
    this.#dpop = new DpopProofVerifier({
      crypto: nodeCrypto,
      replayMemory: options.replayMemory ?? new InProcessReplayMemory(),
      ...skew,
      ...(maxProofAgeSeconds === undefined ? {} : { maxAgeSeconds: maxProofAgeSeconds }),
    })
  }

  /** For the client's next proof; `undefined` where none is asked for. */
  nonceAt(now: number): string | undefined {
    return this.#nonces?.current(now)
  }

  /**
   * @param holder who sent the request, where that is known by a proof that covers the access token
   * @throws AccessTokenError `ERR_CREDENTIAL_*`, `ERR_PROOF_*`, `ERR_REQUEST_AUTHORIZATION`
   * @throws PolicyError `ERR_POLICY_SCOPE`; `ERR_POLICY_ACCESS_TOKEN` for a token that was given to another than the holder
   * @throws SdkError `ERR_SDK_KEYS`, `ERR_SDK_METADATA`; ProofError when it cannot be told whether a proof was used before
   */
  async verify(call: IncomingCall, now: number, holder?: TokenHolder): Promise<CallAuthorization> {
    let scheme: Scheme | undefined
    try {
      const tokens = new CallTokens(call.rawHeaders)
      const token = tokens.accessToken()
      scheme = tokens.accessScheme()
      if (token === undefined || scheme === undefined) throw missingAccessToken()
      const content = await this.#verifyToken(token, now)
      const shown = { call, now, token, scheme, content, tokens, holder }
      // Whatever is shown must hold: also a proof that this token did not need.
      const proof = await this.#verifyProof(shown)
      const binding = await this.#verifyBinding(shown, proof !== undefined)
      this.#requireScopes(content)
      // Last: with a token that is not theirs, nobody fills the memory of used proofs with those of keys of their own.
      // At the time that it is now: the issuer may have been asked for keys since, and whoever keeps a request waiting so must
      // not have a proof taken that the memory has let go of.
      await proof?.use(this.#now())
      return new CallAuthorization(token, content, binding)
    } catch (error) {
      throw asAccessTokenError(error, scheme)
    }
  }

  async #verifyToken(token: string, now: number): Promise<VerifiedAccessToken> {
    const { issuer: url, audiences } = this.settings
    let keys: TrustedKeys = await this.#keys.current()
    const issuer: TrustedIssuer = {
      name: url,
      url,
      get keys() {
        return keys
      },
      refreshKeys: async () => {
        await this.#keys.refresh()
        keys = await this.#keys.current()
      },
    }
    const content = await this.#tokens.verify(token, () => issuer, now)
    if (!content.audience.some((name) => audiences.includes(name))) {
      throw new CredentialError('ERR_CREDENTIAL_AUDIENCE', 'access token is for another service')
    }
    return content
  }

  async #verifyBinding(shown: Shown, isProven: boolean): Promise<AccessBinding> {
    const { content, scheme } = shown
    const { confirmation } = content
    if (confirmation === undefined) return this.#requireUnbound(shown)
    if (confirmation.kind === 'x5t#S256') return requireCertificate(shown, confirmation)
    // RFC 9449 section 7.2: as a bearer token it would count without a proof.
    if (scheme !== 'DPoP') {
      throw new CredentialError(
        'ERR_CREDENTIAL_CONFIRMATION',
        'access token is bound to a key and shown as a bearer token',
      )
    }
    if (isProven) return 'dpop'
    const { holder } = shown
    if (holder === undefined) {
      throw new ProofError('ERR_PROOF_MISSING', 'access token is bound to a key, and came without a proof')
    }
    const held = holder.key === undefined ? undefined : jwkThumbprint(holder.key, nodeCrypto)
    if (held !== confirmation.thumbprint) throw givenToAnother('bound to another key')
    return 'wit'
  }

  /** RFC 9449 section 7.1: under its scheme a token must be bound. */
  #requireUnbound({ scheme, content, holder }: Shown): AccessBinding {
    if (scheme !== 'DPoP') {
      // A token that somebody else came by is worth nothing beside their own proof.
      if (holder?.id === content.clientId) return 'client'
      if (this.settings.acceptBearer) return 'bearer'
      if (holder !== undefined) throw givenToAnother(`client ${content.clientId.slice(0, 200)}`)
    }
    throw new CredentialError('ERR_CREDENTIAL_CONFIRMATION', 'access token is bound to no key')
  }

  /** @returns the proof, if there is one: for the very key that the token is bound to, if it is bound to one */
  async #verifyProof({ call, now, token, content, tokens }: Shown): Promise<UnusedDpopProof | undefined> {
    const [proof, second] = tokens.dpopProofs()
    if (proof === undefined) return undefined
    if (second !== undefined) throw new ProofError('ERR_PROOF_MULTIPLE', 'request has more than one DPoP proof')
    const { confirmation } = content
    const nonces = this.#nonces
    return await this.#dpop.verifyWithoutUse(proof, {
      method: call.method,
      url: this.settings.baseUrl + (pathOfTarget(call.target) || '/'),
      now,
      accessToken: token,
      ...(confirmation?.kind === 'jkt' ? { boundTo: confirmation.thumbprint } : {}),
      ...(nonces === undefined ? {} : { acceptsNonce: (nonce: string) => nonces.accepts(nonce, now) }),
    })
  }

  #requireScopes({ scopes, subject }: VerifiedAccessToken): void {
    const lacking = this.settings.scopes.filter((scope) => !scopes.includes(scope))
    if (lacking.length === 0) return
    throw new PolicyError('ERR_POLICY_SCOPE', 'access token lacks a scope that is needed here', {
      detail: `${lacking.join(' ')}: ${subject.slice(0, 200)}`,
    })
  }
}

/** Who sent a request, as far as an access token can have been given to them. */
export interface TokenHolder {
  /** Identifier, which is `client_id` of tokens that were given to it. */
  readonly id: string
  /** Of the identity token; none with mutual TLS. */
  readonly key: PublicJwk | undefined
}

/** All that came with a token. */
interface Shown {
  readonly call: IncomingCall
  readonly now: number
  readonly token: string
  readonly scheme: Scheme
  readonly content: VerifiedAccessToken
  readonly tokens: CallTokens
  readonly holder: TokenHolder | undefined
}

/** The handshake has proved that the other end holds its key. RFC 8705 section 3 */
async function requireCertificate({ call, scheme }: Shown, { thumbprint }: Confirmation): Promise<AccessBinding> {
  const certificate = call.peerCertificate?.()
  const isHeld = certificate !== undefined && (await certificateThumbprint(certificate, nodeCrypto)) === thumbprint
  if (!isHeld || scheme !== 'Bearer') {
    throw new CredentialError('ERR_CREDENTIAL_CONFIRMATION', 'access token is bound to another certificate')
  }
  return 'mtls'
}

function givenToAnother(detail: string): PolicyError {
  return new PolicyError('ERR_POLICY_ACCESS_TOKEN', 'access token was given to somebody else', { detail })
}
