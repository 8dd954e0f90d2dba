import type { TrustedKeys } from '@countersign/protocol'
import { SdkError } from '../sdk-error.ts'
import type { DocumentRuntime } from './published-document.ts'
import { PublishedKeys } from './published-keys.ts'
import { PublishedMetadata } from './service-metadata.ts'

/** The keys of an authorization server that is known by its issuer identifier alone. */
export class IssuerKeys implements Pick<PublishedKeys, 'current' | 'refresh'> {
  readonly #issuer: string
  readonly #runtime: DocumentRuntime
  readonly #metadata: PublishedMetadata
  #found: { readonly url: string; readonly keys: PublishedKeys } | undefined

  /** @throws TypeError as `PublishedMetadata` */
  constructor(issuer: string, runtime: DocumentRuntime) {
    this.#issuer = issuer
    this.#runtime = runtime
    this.#metadata = new PublishedMetadata(issuer, runtime)
  }

  /** @throws SdkError `ERR_SDK_METADATA`, `ERR_SDK_KEYS` */
  async current(): Promise<TrustedKeys> {
    const { jwksUri: url } = await this.#metadata.current()
    if (url === undefined) {
      throw new SdkError('ERR_SDK_KEYS', 'the metadata of the token service name no keys', { detail: this.#issuer })
    }
    if (this.#found?.url !== url) this.#found = { url, keys: new PublishedKeys(url, this.#runtime) }
    return this.#found.keys.current()
  }

  async refresh(): Promise<void> {
    await this.#found?.keys.refresh()
  }
}
