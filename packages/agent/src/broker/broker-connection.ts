import { errorCode, type SpiffeBundle, type WorkloadId } from '@countersign/protocol'
import type { AgentView } from '../state/agent-state.ts'
import type { RemoteAddress } from './remote-address.ts'
import { trustDomainOf, verifyBroker } from './verify-broker.ts'

/** A connection whose other end has proved an identity, and must go on doing so. */
export class BrokerConnection {
  readonly id: WorkloadId
  readonly remote: RemoteAddress
  readonly #chain: readonly Uint8Array[]
  /** What the certificates were verified with. */
  #bundle: SpiffeBundle | undefined
  #crls: AgentView['crls']
  #expiresAt: number

  /**
   * @param chain what the peer showed, DER, leaf first
   * @throws CertificateError `ERR_CERTIFICATE_*`
   */
  constructor(chain: readonly Uint8Array[], remote: RemoteAddress, view: AgentView, now: number) {
    const verified = verifyBroker(chain, view, now)
    this.id = verified.id
    this.remote = remote
    this.#chain = chain
    this.#bundle = view.bundles.get(trustDomainOf(verified.id.origin))
    this.#crls = view.crls
    this.#expiresAt = verified.expiresAt
  }

  /** When its certificate, or one above it, ends. Epoch seconds. */
  get expiresAt(): number {
    return this.#expiresAt
  }

  /**
   * Why the other end no longer counts as who it was, if so: a certificate that has ended or was revoked, or roots that were
   * replaced and no longer lead to it.
   *
   * @returns a code `ERR_CERTIFICATE_*`
   */
  reasonNotToTrust(view: AgentView, now: number): string | undefined {
    if (!(this.#expiresAt >= now)) return 'ERR_CERTIFICATE_EXPIRED'
    const bundle = view.bundles.get(trustDomainOf(this.id.origin))
    if (bundle === this.#bundle && view.crls === this.#crls) return undefined
    try {
      this.#expiresAt = verifyBroker(this.#chain, view, now).expiresAt
      this.#bundle = bundle
      this.#crls = view.crls
      return undefined
    } catch (error) {
      return errorCode(error) ?? 'ERR_CERTIFICATE_UNTRUSTED'
    }
  }
}
