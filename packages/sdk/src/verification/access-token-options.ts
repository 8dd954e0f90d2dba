import type { ReplayMemory } from '@countersign/protocol'
import { listOf, scopesOf } from '../exchange/exchange-request.ts'
import type { PublishedKeys } from '../exchange/published-keys.ts'
import { requireServiceUrl } from '../exchange/service-url.ts'

/** How a service takes access tokens of one authorization server. */
export interface AccessTokenOptions {
  /** Issuer identifier of the authorization server, byte for byte. */
  readonly issuer: string
  /** The names of this service, of which a token must have one in `aud`. */
  readonly audience: string | readonly string[]
  /** Scopes that every request needs, all of them. */
  readonly scopes?: string | readonly string[]
  /** URL by which clients reach this service, to which the request's path is added: DPoP proofs name it. Default: the first
   * audience that is a URL. Never taken from the request. In the metadata of the service it is its name, for which clients ask
   * for tokens: there it must be one of the audiences, too. */
  readonly baseUrl?: string
  /** Whether a token counts that is bound to no key. Whoever finds such a token can use it. Default false. */
  readonly acceptBearer?: boolean
  /** Whether DPoP proofs need a nonce of this service: then none can be made in advance. Default false. */
  readonly dpopNonce?: boolean
  /** Keys of the issuer. Default: those that its metadata lead to (RFC 8414). */
  readonly keys?: Pick<PublishedKeys, 'current' | 'refresh'>
  /** Default: exact memory of this process. Replicas that share an address need a shared one. */
  readonly replayMemory?: ReplayMemory
  /** Tolerated clock difference in seconds, default 30. */
  readonly clockSkewSeconds?: number
  /** Longest life of a token in seconds, default 86 400. */
  readonly maxLifetimeSeconds?: number
  /** Oldest DPoP proof in seconds, default 60. */
  readonly maxProofAgeSeconds?: number
}

/** The same, read. */
export interface AccessSettings {
  readonly issuer: string
  readonly audiences: readonly string[]
  readonly scopes: readonly string[]
  /** Without a slash at its end. */
  readonly baseUrl: string
  /** The same as the audiences spell it, if it is one. RFC 9728: clients compare it, and ask for tokens for it, byte for byte. */
  readonly resource: string
  readonly acceptBearer: boolean
}

/** @throws TypeError when it cannot be told what a token must be for, or where proofs are made for */
export function readAccessOptions(options: AccessTokenOptions): AccessSettings {
  const audiences = listOf(options.audience)
  if (audiences.length === 0 || audiences.includes('')) {
    throw new TypeError('access tokens need an audience: what is this service called in `aud`?')
  }
  const baseUrl = options.baseUrl ?? audiences.find((name) => /^https?:\/\//i.test(name))
  if (baseUrl === undefined) throw new TypeError('access tokens need a `baseUrl`: where do clients reach this service?')
  const { search, hash, username, password } = new URL(baseUrl)
  if (search + hash + username + password !== '') throw new TypeError('a base URL has no query, fragment or user')
  const address = withoutSlash(baseUrl)
  return {
    issuer: requireServiceUrl(options.issuer),
    audiences,
    scopes: scopesOf(options.scopes),
    baseUrl: address,
    resource: audiences.find((name) => withoutSlash(name) === address) ?? address,
    acceptBearer: options.acceptBearer === true,
  }
}

const withoutSlash = (url: string) => url.replace(/\/$/, '')
