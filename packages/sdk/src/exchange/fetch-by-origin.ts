import type { WorkloadRuntime } from '../workload-runtime.ts'
import { AuthorizedFetch, type SendRequest } from './authorized-fetch.ts'

/** Whoever lets others name audiences must not fill the memory. */
const MAX_ORIGINS = 1000

/** What puts tokens on requests, one for each origin: nonces that an origin gave serve all tokens that go there. */
export class FetchByOrigin {
  readonly #runtime: Pick<WorkloadRuntime, 'now'>
  readonly #send: SendRequest
  readonly #fetches = new Map<string, AuthorizedFetch>()
  readonly #nowhere: AuthorizedFetch

  constructor(runtime: Pick<WorkloadRuntime, 'now'>, send: SendRequest) {
    this.#runtime = runtime
    this.#send = send
    this.#nowhere = new AuthorizedFetch(runtime, send, [])
  }

  /**
   * @param origins where a token may go
   * @returns what sends it to a URL, and refuses to when that is elsewhere
   * @throws TypeError for an origin that is not https, except on this host
   */
  to(origins: readonly string[]): (input: string | URL | Request) => AuthorizedFetch {
    const allowed = new Map(origins.map((name) => this.#open(name)))
    return (input) => allowed.get(new URL(input instanceof Request ? input.url : input).origin) ?? this.#nowhere
  }

  #open(name: string): readonly [string, AuthorizedFetch] {
    const opened = new AuthorizedFetch(this.#runtime, this.#send, [name])
    const { origin } = new URL(name)
    const known = this.#fetches.get(origin)
    if (known !== undefined) return [origin, known]
    if (this.#fetches.size >= MAX_ORIGINS) this.#fetches.clear()
    this.#fetches.set(origin, opened)
    return [origin, opened]
  }
}
