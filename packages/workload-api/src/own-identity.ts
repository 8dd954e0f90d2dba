import { connectWorkloadApi, type WorkloadApiClient } from './client.ts'
import type { X509Identity } from './mutual-tls.ts'
import { WorkloadApiError } from './workload-api-error.ts'

export interface OwnIdentityOptions {
  /** `unix:///path` or `tcp://<IP>:<port>`. */
  readonly address: string
  /** Which identity to show; without it the first. */
  readonly spiffeId?: string | undefined
  /** Calls `run` once after a delay; the returned function cancels. */
  readonly schedule: (delayMs: number, run: () => void) => () => void
}

const TIMEOUT_MS = 5_000

/** The X.509 identity of this program, for one that needs it now and then and not all the time. */
export class OwnIdentity {
  readonly #options: OwnIdentityOptions
  readonly #client: WorkloadApiClient
  /** Good until it expires, also while the agent is away; that it has expired is for TLS to say. */
  #last: X509Identity | undefined

  /** @throws EndpointError `ERR_ENDPOINT_*` for an address that is none */
  constructor(options: OwnIdentityOptions) {
    this.#options = options
    this.#client = connectWorkloadApi({ address: options.address })
  }

  /**
   * As it is now; the last one while the endpoint cannot be reached.
   *
   * @throws WorkloadApiError `ERR_WORKLOAD_API_DENIED` when there is no such identity, or no more; others when there has been
   *   none yet
   */
  async read(): Promise<X509Identity> {
    try {
      this.#last = this.#choose(await this.#fetch())
    } catch (error) {
      // What was taken away must not be shown.
      if (error instanceof WorkloadApiError && error.code === 'ERR_WORKLOAD_API_DENIED') this.#last = undefined
      if (this.#last === undefined) throw error
    }
    return this.#last
  }

  close(): void {
    this.#client.close()
  }

  async #fetch(): Promise<X509Identity> {
    const abort = new AbortController()
    const cancel = this.#options.schedule(TIMEOUT_MS, () => abort.abort())
    try {
      for await (const identity of this.#client.fetchX509Svid(abort.signal)) return identity
      throw new WorkloadApiError('ERR_WORKLOAD_API_DISCONNECTED', 'workload API ended the stream')
    } finally {
      cancel()
    }
  }

  #choose(identity: X509Identity): X509Identity {
    const { spiffeId } = this.#options
    if (spiffeId === undefined) return identity
    const svids = identity.svids.filter((svid) => svid.spiffeId === spiffeId)
    if (svids.length > 0) return { ...identity, svids }
    throw new WorkloadApiError('ERR_WORKLOAD_API_DENIED', 'workload API has no such identity for this program', {
      detail: spiffeId,
    })
  }
}
