import type { CaRequest, IssuedCa, TokenKey, UpstreamAuthority, UpstreamBundle } from '@countersign/plugin-kit'

/** An upstream of the same trust domain. */
export interface TrustDomainUpstream extends UpstreamAuthority {
  publishTokenKeys(keys: readonly TokenKey[]): Promise<void>
}

/** One that serves the trust domain, loaded when it is first asked: servers without it need no gRPC. */
export class LazyUpstreamAuthority implements UpstreamAuthority {
  readonly #load: () => Promise<TrustDomainUpstream>
  #loaded: Promise<TrustDomainUpstream> | undefined

  constructor(load: () => Promise<TrustDomainUpstream>) {
    this.#load = load
  }

  async issueCa(request: CaRequest): Promise<IssuedCa> {
    return (await this.#upstream()).issueCa(request)
  }

  async readBundle(): Promise<UpstreamBundle> {
    return (await this.#upstream()).readBundle()
  }

  async publishTokenKeys(keys: readonly TokenKey[]): Promise<void> {
    return (await this.#upstream()).publishTokenKeys(keys)
  }

  async close(): Promise<void> {
    await (await this.#loaded)?.close()
  }

  #upstream(): Promise<TrustDomainUpstream> {
    this.#loaded ??= this.#load()
    return this.#loaded
  }
}
