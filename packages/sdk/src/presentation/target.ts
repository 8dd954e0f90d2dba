import { SdkError } from '../sdk-error.ts'
import type { ExpectedPeer } from '../tls/expected-peer.ts'
import { expectedPeerOf, type PeerSetting } from './peer-setting.ts'

/**
 * How a request proves who sends it. `accept-signature` begins with a proof token and signs as soon as the service says,
 * by its `Accept-Signature` field, that it wants that. `mtls` proves it by the connection, alone or below one of the others.
 */
export type ProofChoice = 'wpt' | 'http-signature' | 'accept-signature' | 'mtls'

/** What is known of a place before it is called. An access name says nothing about who answers there; this does. */
export interface TargetSettings {
  /** Default `wpt`. */
  readonly proof?: ProofChoice | readonly ProofChoice[]
  /** Who must answer: checked by mutual TLS, or by a signed response, which it then asks for. */
  readonly peer?: PeerSetting
  /** Take no unsigned response. With `http-signature` alone. */
  readonly signResponse?: boolean
  /** Whom the proof is for, where that is not the address itself: the receiver's configured audience. */
  readonly audience?: string
  /**
   * Whether the token of the transaction that a call is made in goes along. Default `forward`; `withhold` for whoever is
   * outside of the trust domain, where it is good for nothing and says much.
   */
  readonly transaction?: 'forward' | 'withhold'
}

/** Settings by base URL, of which the longest that fits counts; or a function of the address. */
export type Targets = Readonly<Record<string, TargetSettings>> | ((url: URL) => TargetSettings | undefined)

/** Settings of one request, read. */
export interface Target {
  readonly message: 'wpt' | 'http-signature' | 'accept-signature' | undefined
  readonly mtls: boolean
  readonly peer: ExpectedPeer | undefined
  readonly signResponse: boolean
  readonly audience: string | undefined
  readonly withholdsTransaction: boolean
}

/** @throws SdkError `ERR_SDK_REQUEST` when settings contradict each other: what was asked for would not be checked */
export function readTarget({
  proof = 'wpt',
  peer,
  signResponse = false,
  audience,
  transaction,
}: TargetSettings): Target {
  const proofs = typeof proof === 'string' ? [proof] : proof
  const mtls = proofs.includes('mtls')
  const [message, second] = proofs.filter((each): each is Exclude<ProofChoice, 'mtls'> => each !== 'mtls')
  if (proofs.length === 0 || second !== undefined) {
    throw new SdkError(
      'ERR_SDK_REQUEST',
      'proof must be one of wpt, http-signature and accept-signature, with or without mtls',
    )
  }
  if (signResponse && message !== 'http-signature') {
    throw new SdkError(
      'ERR_SDK_REQUEST',
      'a signed response can be asked for only by a signed request: set proof to http-signature',
    )
  }
  if (peer !== undefined && !mtls && message !== 'http-signature') {
    throw new SdkError('ERR_SDK_REQUEST', 'who answers can be checked only with proof mtls or http-signature')
  }
  return {
    message,
    mtls,
    peer: peer === undefined ? undefined : expectedPeerOf(peer),
    signResponse: signResponse || (peer !== undefined && !mtls),
    audience,
    withholdsTransaction: transaction === 'withhold',
  }
}

/** Finds what is configured for an address. */
export class TargetMap {
  readonly #of: (url: URL) => TargetSettings | undefined

  /** @throws TypeError when a key is not a base URL; SdkError as {@link readTarget}, at once rather than at the first call */
  constructor(targets: Targets = {}) {
    if (typeof targets === 'function') {
      this.#of = targets
      return
    }
    const bases = Object.entries(targets).map(([text, settings]) => {
      const url = new URL(text)
      if (url.search !== '' || url.hash !== '') throw new TypeError('a target is a URL without query and fragment')
      readTarget(settings)
      return { origin: url.origin, path: url.pathname.replace(/\/$/, ''), settings }
    })
    bases.sort((one, other) => other.path.length - one.path.length)
    // At a segment boundary: "/v1" is no prefix of "/v10".
    this.#of = ({ origin, pathname }) =>
      bases.find((base) => base.origin === origin && `${pathname}/`.startsWith(`${base.path}/`))?.settings
  }

  settingsOf(url: URL): TargetSettings {
    return this.#of(url) ?? {}
  }
}
