/** The identity that the agent of this host gives the server: by it the server above knows that it is one below. */
import { type Clock, UpstreamAuthorityError } from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'
import type { OwnIdentity } from '@countersign/workload-api'
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

export class WorkloadIdentity implements IdentitySource {
  readonly #options: WorkloadIdentityOptions
  #own: OwnIdentity | undefined

  constructor(options: WorkloadIdentityOptions) {
    this.#options = options
  }

  async read(): Promise<X509Identity> {
    const { address, spiffeId, clock } = this.#options
    // Loaded when it is needed: a gRPC client is no small thing for servers that have no other use for it.
    const { OwnIdentity } = await import('@countersign/workload-api')
    this.#own ??= new OwnIdentity({ address, spiffeId, schedule: (delayMs, run) => clock.schedule(delayMs, run) })
    try {
      return await this.#own.read()
    } catch (cause) {
      throw new UpstreamAuthorityError(
        'ERR_UPSTREAM_AUTHORITY_IDENTITY',
        "workload API of this host's agent gives this server no identity: is there an entry for it, on the server above?",
        { detail: errorCode(cause) ?? 'unexpected error', cause },
      )
    }
  }

  close(): void {
    this.#own?.close()
  }
}
