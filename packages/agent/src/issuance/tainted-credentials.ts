import { X509Certificate } from 'node:crypto'
import type { SyncState, TaintReport } from '@countersign/api'
import type { Clock, Logger } from '@countersign/plugin-kit'
import { errorCode, parseSpiffeBundle, type SpiffeBundle } from '@countersign/protocol'
import type { Issuer } from './issuer.ts'
import { isChainSignedBy } from './signed-by.ts'

export interface TaintedCredentialsOptions {
  readonly issuer: Pick<Issuer, 'expedite' | 'forgetUnused' | 'count'>
  readonly trustDomain: string
  readonly clock: Clock
  readonly log: Logger
  /** The agent's own certificates, DER, leaf first. */
  readonly ownChain: () => readonly Uint8Array[] | undefined
  readonly renewOwn: () => void
  /** Tells the server what is left. */
  readonly report: (report: TaintReport) => Promise<void>
}

interface Tainted {
  readonly authorityId: string
  readonly keys: SpiffeBundle
  /** When it was heard of, epoch seconds. */
  readonly since: number
  /** What the server was told last. */
  reported: number | undefined
}

/** Programs that follow their identity have a new one by then; what else is kept, nobody has asked for. */
const UNUSED_AFTER_SECONDS = 10
const FIRST_LOOK_SECONDS = 1
const MAX_LOOK_SECONDS = 30

/** Replaces what tainted authorities signed, and tells the server how much is left until nothing is. */
export class TaintedCredentials {
  readonly #options: TaintedCredentialsOptions
  #tainted: readonly Tainted[] = []
  #lookSeconds = FIRST_LOOK_SECONDS
  #cancel = () => {}
  #isStopped = false

  constructor(options: TaintedCredentialsOptions) {
    this.#options = options
  }

  /** Takes the server's word on which authorities are tainted. Those heard of before go on as they are. */
  apply(tainted: SyncState['tainted'] = []): void {
    const known = new Map(this.#tainted.map((each) => [each.authorityId, each]))
    this.#tainted = tainted.flatMap(({ authorityId, key }) => known.get(authorityId) ?? this.#read(authorityId, key))
    const added = this.#tainted.filter(({ authorityId }) => !known.has(authorityId))
    for (const { authorityId, keys } of added) {
      this.#options.log.warn({ authorityId }, 'signing key is tainted, credentials are being replaced')
      this.#options.issuer.expedite(keys)
      if (this.#isOwn(keys)) this.#options.renewOwn()
    }
    if (added.length === 0) return
    this.#lookSeconds = FIRST_LOOK_SECONDS
    this.#schedule()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
  }

  #read(authorityId: string, key: Readonly<Record<string, unknown>>): Tainted[] {
    const { trustDomain, clock, log } = this.#options
    try {
      const keys = parseSpiffeBundle(trustDomain, { keys: [key] })
      const { x509Authorities, jwtAuthorities, witAuthorities } = keys
      const usable = [...x509Authorities.map((der) => new X509Certificate(der)), ...jwtAuthorities, ...witAuthorities]
      if (usable.length === 0) throw new TypeError('no key of a known use')
      return [{ authorityId, keys, since: clock.now(), reported: undefined }]
    } catch (error) {
      log.error({ authorityId, code: errorCode(error) }, 'tainted key cannot be read, its credentials are not replaced')
      return []
    }
  }

  #schedule(): void {
    this.#cancel()
    if (this.#isStopped) return
    this.#cancel = this.#options.clock.schedule(this.#lookSeconds * 1000, () => void this.#look())
    this.#lookSeconds = Math.min(this.#lookSeconds * 2, MAX_LOOK_SECONDS)
  }

  async #look(): Promise<void> {
    const { issuer, clock } = this.#options
    const now = clock.now()
    const counts = this.#tainted.map((tainted) => {
      const { keys, since } = tainted
      if (now >= since + UNUSED_AFTER_SECONDS) issuer.forgetUnused(keys)
      return { tainted, credentials: issuer.count(keys) + (this.#isOwn(keys) ? 1 : 0) }
    })
    const news = counts.filter(({ tainted, credentials }) => tainted.reported !== credentials)
    if (news.length > 0) await this.#tell(news)
    if (this.#tainted.some(({ reported }) => reported !== 0)) this.#schedule()
  }

  async #tell(counts: readonly { readonly tainted: Tainted; readonly credentials: number }[]): Promise<void> {
    const holding = counts.map(({ tainted, credentials }) => ({ authorityId: tainted.authorityId, credentials }))
    try {
      await this.#options.report({ holding })
    } catch (error) {
      this.#options.log.debug({ code: errorCode(error) }, 'server was not told what is left, will try again')
      return
    }
    for (const { tainted, credentials } of counts) tainted.reported = credentials
    const done = holding.filter(({ credentials }) => credentials === 0).map(({ authorityId }) => authorityId)
    if (done.length > 0) this.#options.log.info({ authorities: done }, 'nothing is left of what tainted keys signed')
  }

  #isOwn({ x509Authorities }: SpiffeBundle): boolean {
    const chain = this.#options.ownChain()
    const roots = x509Authorities.map((der) => new X509Certificate(der))
    return chain !== undefined && isChainSignedBy(chain, roots)
  }
}
