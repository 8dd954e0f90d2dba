/** The identity that the agent of this host gives the server: by it the server above knows that it is one below. */
import { type Clock, UpstreamAuthorityError } from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'
import type { WorkloadApiClient } from '@countersign/workload-api'
import type { X509Identity } from '@countersign/workload-api/server'

/** Asks for the identity as it is now. @throws UpstreamAuthorityError `ERR_UPSTREAM_AUTHORITY_IDENTITY` */
export interface IdentitySource {
  read(): Promise<X509Identity>
  close(): void
}

export interface WorkloadIdentityOptions {
  /** `unix:///path` of the Workload API. */
  readonly address: string
  /** Which identity to show; without it the first. */
  readonly spiffeId?: string | undefined
  readonly clock: Clock
}

const TIMEOUT_MS = 5_000

export class WorkloadIdentity implements IdentitySource {
  readonly #options: WorkloadIdentityOptions
  #client: WorkloadApiClient | undefined
  /** Good until it expires, also while the agent is away; that is for TLS to say. */
  #last: X509Identity | undefined

  constructor(options: WorkloadIdentityOptions) {
    this.#options = options
  }

  async read(): Promise<X509Identity> {
    try {
      this.#last = this.#choose(await this.#fetch())
    } catch (error) {
      // Refused is refused: an identity that was taken away must not be shown.
      if (this.#last === undefined || errorCode(error) === 'ERR_WORKLOAD_API_DENIED') throw unavailable(error)
    }
    return this.#last
  }

  close(): void {
    this.#client?.close()
  }

  async #fetch(): Promise<X509Identity> {
    // Loaded when it is needed: a gRPC client is no small thing for servers that have no other use for it.
    const { connectWorkloadApi } = await import('@countersign/workload-api')
    this.#client ??= connectWorkloadApi({ address: this.#options.address })
    const abort = new AbortController()
    const cancel = this.#options.clock.schedule(TIMEOUT_MS, () => abort.abort())
    try {
      for await (const identity of this.#client.fetchX509Svid(abort.signal)) return identity
      throw new TypeError('workload API gave nothing')
    } finally {
      cancel()
    }
  }

  #choose(identity: X509Identity): X509Identity {
    const { spiffeId } = this.#options
    if (spiffeId === undefined) return identity
    const svids = identity.svids.filter((svid) => svid.spiffeId === spiffeId)
    if (svids.length > 0) return { ...identity, svids }
    throw new UpstreamAuthorityError(
      'ERR_UPSTREAM_AUTHORITY_IDENTITY',
      'workload API does not give this server the identity that is configured',
      { detail: spiffeId },
    )
  }
}

function unavailable(cause: unknown): UpstreamAuthorityError {
  if (cause instanceof UpstreamAuthorityError) return cause
  return new UpstreamAuthorityError(
    'ERR_UPSTREAM_AUTHORITY_IDENTITY',
    "workload API of this host's agent gives this server no identity: is there an entry for it, on the server above?",
    { detail: errorCode(cause) ?? 'unexpected error', cause },
  )
}
