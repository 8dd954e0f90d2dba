import { decodeUtf8, parseJwkSet, TrustedKeys } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { readWebBody } from '../presentation/read-web-body.ts'
import { SdkError } from '../sdk-error.ts'
import type { WorkloadRuntime } from '../workload-runtime.ts'
import { requireServiceUrl } from './service-url.ts'
import { withTimeout } from './with-timeout.ts'

const MAX_BYTES = 1024 * 1024
const TIMEOUT_MS = 5_000
/** Keys that were removed must not count for long. */
const FRESH_SECONDS = 300
/** How long keys count when no others can be had. */
const STALE_SECONDS = 3_600
/** Whoever sends tokens with made-up key names must not have keys fetched for each. */
const REFRESH_SECONDS = 30
/** When it failed, sooner. */
const RETRY_SECONDS = 5

/** The keys of a token service, as it publishes them: fetched when they are needed, and again every few minutes. */
export class PublishedKeys {
  readonly #url: string
  readonly #runtime: WorkloadRuntime
  #held: { readonly keys: TrustedKeys; readonly text: string; readonly at: number } | undefined
  #nextAt = Number.NEGATIVE_INFINITY
  #fetching: Promise<void> | undefined

  /**
   * @param url `jwks_uri` of the service
   * @param runtime of the workload
   * @throws TypeError unless it is https, or on this host
   */
  constructor(url: string, runtime: WorkloadRuntime) {
    this.#url = requireServiceUrl(url)
    this.#runtime = runtime
  }

  /** @throws SdkError `ERR_SDK_KEYS` when they cannot be had, and none are recent enough */
  async current(): Promise<TrustedKeys> {
    const age = this.#runtime.now() - (this.#held?.at ?? Number.NEGATIVE_INFINITY)
    if (age > FRESH_SECONDS) await this.refresh()
    const held = this.#held
    if (held === undefined || this.#runtime.now() - held.at > STALE_SECONDS) {
      throw new SdkError('ERR_SDK_KEYS', 'the keys of the token service cannot be had right now', { detail: this.#url })
    }
    return held.keys
  }

  /** Fetches them again: at most once in a while, whoever asks. Never fails: what was known then stays. */
  async refresh(): Promise<void> {
    if (this.#fetching !== undefined) return this.#fetching
    const now = this.#runtime.now()
    if (now < this.#nextAt) return
    this.#nextAt = now + REFRESH_SECONDS
    this.#fetching = this.#fetch()
      .catch(() => {
        this.#nextAt = now + RETRY_SECONDS
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
      throw new SdkError('ERR_SDK_KEYS', 'the token service publishes no keys that can be read')
    })
    const at = this.#runtime.now()
    // Imported keys stay in the object, so it is kept while they are the same.
    const keys = this.#held?.text === text ? this.#held.keys : new TrustedKeys(parseJwkSet(text, 'sig'), nodeCrypto)
    this.#held = { keys, text, at }
  }
}
