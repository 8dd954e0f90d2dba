import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BundleDocument, Federation, FederationChange, TrustDomainBundle } from '@countersign/api'
import type { InteropTrustDomain } from '../support/trust-domain.ts'
import type { SpireServer } from './spire-server.ts'

/** How one side is told to get the other's bundle. */
export interface Endpoint {
  readonly url: string
  /** Named for `https_spiffe`, absent for `https_web`. */
  readonly spiffeId?: string
}

const LOOPBACK = ['127.0.0.1']

/** The relationship of the two trust domains as the operators of both keep it. */
export class Partnership {
  readonly #ours: InteropTrustDomain
  readonly #spire: SpireServer
  readonly #folder: string

  constructor(ours: InteropTrustDomain, spire: SpireServer, folder: string) {
    this.#ours = ours
    this.#spire = spire
    this.#folder = folder
  }

  /** Ours begins to follow SPIRE's endpoint. @param known PEM roots for `https_web`, a bundle for `https_spiffe` */
  createOnOurs(endpoint: Endpoint, known: Pick<FederationChange, 'webRoots' | 'bundle'>): Promise<Federation> {
    const relationship = { trustDomain: this.#spire.trustDomain, ...ourChange(endpoint), ...known }
    return this.#ours.admin('POST', '/v1/federations', relationship)
  }

  /** Ours follows another endpoint from now on, and fetches from it at once. @returns what came of the fetch */
  async changeOnOurs(endpoint: Endpoint): Promise<Federation> {
    const path = `/v1/federations/${this.#spire.trustDomain}`
    await this.#ours.admin('PUT', path, ourChange(endpoint))
    return this.#ours.admin('POST', `${path}/refresh`)
  }

  async endOnOurs(): Promise<void> {
    await this.#ours.admin('DELETE', `/v1/federations/${this.#spire.trustDomain}`)
  }

  /** SPIRE begins to follow our endpoint, and knows our bundle already. */
  async createOnSpire(endpoint: Endpoint): Promise<void> {
    const file = join(this.#folder, 'ours.json')
    await writeFile(file, JSON.stringify(await this.ourBundle()))
    const known = ['-trustDomainBundlePath', file, '-trustDomainBundleFormat', 'spiffe']
    await this.#spire.command('federation', 'create', ...this.#spireWords(endpoint), ...known)
  }

  /** SPIRE follows another endpoint from now on, and fetches from it at once. @throws Error when that fails */
  async changeOnSpire(endpoint: Endpoint): Promise<void> {
    await this.#spire.command('federation', 'update', ...this.#spireWords(endpoint))
    await this.#spire.command('federation', 'refresh', '-id', `spiffe://${this.#ours.name}`)
  }

  /** SPIRE ends the relationship, and no longer trusts what it has learned by it. */
  async endOnSpire(): Promise<void> {
    const id = `spiffe://${this.#ours.name}`
    await this.#spire.command('federation', 'delete', '-id', id)
    await this.#spire.command('bundle', 'delete', '-id', id, '-mode', 'dissociate')
  }

  async ourBundle(): Promise<BundleDocument> {
    return (await this.#ours.admin<TrustDomainBundle>('GET', `/v1/bundles/${this.#ours.name}`)).bundle
  }

  /** SPIRE's bundle as our server knows it. */
  async spireBundleOnOurs(): Promise<BundleDocument> {
    return (await this.#ours.admin<TrustDomainBundle>('GET', `/v1/bundles/${this.#spire.trustDomain}`)).bundle
  }

  /** Our bundle as SPIRE knows it. */
  async ourBundleOnSpire(): Promise<BundleDocument> {
    const id = `spiffe://${this.#ours.name}`
    return JSON.parse(await this.#spire.command('bundle', 'list', '-id', id, '-format', 'spiffe'))
  }

  /** Our endpoint of profile `https_spiffe`. */
  ourSpiffeEndpoint(): Required<Endpoint> {
    return { url: this.#ours.spiffeBundleEndpointUrl, spiffeId: `spiffe://${this.#ours.name}/countersign/server` }
  }

  /** SPIRE's endpoint, once it speaks `https_spiffe`. */
  spireSpiffeEndpoint(): Required<Endpoint> {
    return { url: this.#spire.bundleEndpointUrl, spiffeId: `spiffe://${this.#spire.trustDomain}/spire/server` }
  }

  #spireWords({ url, spiffeId }: Endpoint): string[] {
    const profile = spiffeId === undefined ? ['https_web'] : ['https_spiffe', '-endpointSpiffeID', spiffeId]
    return ['-trustDomain', this.#ours.name, '-bundleEndpointURL', url, '-bundleEndpointProfile', ...profile]
  }
}

function ourChange({ url: bundleEndpointUrl, spiffeId }: Endpoint): FederationChange {
  const common = { bundleEndpointUrl, allowedAddresses: LOOPBACK }
  if (spiffeId === undefined) return { ...common, profile: 'https_web' }
  return { ...common, profile: 'https_spiffe', endpointSpiffeId: spiffeId }
}

/** How many keys of one use a bundle holds. */
export function countKeys(bundle: { readonly keys: readonly object[] }, use: string): number {
  return bundle.keys.filter((key) => (key as { use?: unknown }).use === use).length
}
