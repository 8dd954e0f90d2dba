import type { CaRequest, IssuedCa, TokenKey, UpstreamAuthority, UpstreamBundle } from '@countersign/plugin-kit'

/** One that serves the trust domain, loaded when it is first asked: servers without it need no gRPC. */
export class LazyUpstreamAuthority implements UpstreamAuthority {
  readonly #load: () => Promise<Required<UpstreamAuthority>>
  #loaded: Promise<Required<UpstreamAuthority>> | undefined

  constructor(load: () => Promise<Required<UpstreamAuthority>>) {
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

  #upstream(): Promise<Required<UpstreamAuthority>> {
    this.#loaded ??= this.#load()
    return this.#loaded
  }
}
