import { decodeUtf8 } from '@countersign/protocol'
import { readWebBody } from '../presentation/read-web-body.ts'
import { SdkError } from '../sdk-error.ts'
import type { WorkloadRuntime } from '../workload-runtime.ts'
import { requireServiceUrl } from './service-url.ts'
import { withTimeout } from './with-timeout.ts'

const MAX_BYTES = 1024 * 1024
const TIMEOUT_MS = 5_000
/** What was withdrawn must not count for long. */
const FRESH_SECONDS = 300
/** How long a document counts when none can be had. */
const STALE_SECONDS = 3_600
/** Whoever sends tokens with made-up key names must not have keys fetched for each. */
const REFRESH_SECONDS = 30
/** When it failed, sooner. */
const RETRY_SECONDS = 5

/** What fetching one needs of a workload's surroundings. */
export type DocumentRuntime = Pick<WorkloadRuntime, 'now' | 'fetch' | 'schedule'>

/** What a document is, and what is made of its text. */
export interface DocumentKind<T> {
  /** For messages: "the keys of the token service". */
  readonly name: string
  readonly code: 'ERR_SDK_KEYS' | 'ERR_SDK_METADATA'
  /** @throws when the text is none */
  parse(text: string): T
}

/** A document that a service publishes: fetched when it is needed, and again every few minutes. */
export class PublishedDocument<T> {
  readonly #url: string
  readonly #runtime: DocumentRuntime
  readonly #kind: DocumentKind<T>
  #held: { readonly value: T; readonly text: string; readonly at: number } | undefined
  #nextAt = Number.NEGATIVE_INFINITY
  #fetching: Promise<void> | undefined
  #failure: unknown

  /** @throws TypeError unless the URL is https, or on this host */
  constructor(url: string, runtime: DocumentRuntime, kind: DocumentKind<T>) {
    this.#url = requireServiceUrl(url)
    this.#runtime = runtime
    this.#kind = kind
  }

  /** @throws SdkError the code of its kind when it cannot be had, and none is recent enough; `cause` says why */
  async current(): Promise<T> {
    const age = this.#runtime.now() - (this.#held?.at ?? Number.NEGATIVE_INFINITY)
    if (age > FRESH_SECONDS) await this.refresh()
    const held = this.#held
    if (held === undefined || this.#runtime.now() - held.at > STALE_SECONDS) {
      const { code, name } = this.#kind
      throw new SdkError(code, `${name} cannot be had right now`, { detail: this.#url, cause: this.#failure })
    }
    return held.value
  }

  /** Fetches it again: at most once in a while, whoever asks. Never fails: what was known then stays. */
  async refresh(): Promise<void> {
    if (this.#fetching !== undefined) return this.#fetching
    const now = this.#runtime.now()
    if (now < this.#nextAt) return
    this.#nextAt = now + REFRESH_SECONDS
    this.#fetching = this.#fetch()
      .catch((error: unknown) => {
        this.#failure = error
        // From now: a service that lets everyone wait would be due again as soon as it was given up.
        this.#nextAt = this.#runtime.now() + RETRY_SECONDS
      })
      .finally(() => {
        this.#fetching = undefined
      })
    return this.#fetching
  }

  async #fetch(): Promise<void> {
    const text = await withTimeout(this.#runtime, TIMEOUT_MS, async (signal) => {
      // A redirect would put the word of one host in place of another's.
      const response = await this.#runtime.fetch(this.#url, { redirect: 'error', signal })
      const body = await readWebBody(response.body, MAX_BYTES)
      if (response.status === 200 && body !== undefined) return decodeUtf8(body)
      throw new SdkError(this.#kind.code, `${this.#kind.name} cannot be read`, { detail: `status ${response.status}` })
    })
    const at = this.#runtime.now()
    // Imported keys stay in the object, so it is kept while the text is the same.
    const value = this.#held?.text === text ? this.#held.value : this.#kind.parse(text)
    this.#held = { value, text, at }
  }
}
