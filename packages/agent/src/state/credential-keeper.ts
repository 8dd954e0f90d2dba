import type { AgentStatus } from '@countersign/api'
import type { Clock, Logger } from '@countersign/plugin-kit'
import type { SpiffeBundle } from '@countersign/protocol'
import type { Issuer } from '../issuance/issuer.ts'
import type { SealedCredentials } from './sealed-credentials.ts'
import { encodeCredentials, restoreCredentials } from './stored-credentials.ts'

export interface CredentialKeeperOptions {
  readonly sealed: SealedCredentials
  readonly issuer: Pick<Issuer, 'caches' | 'sizes' | 'onChange' | 'forget' | 'keepEntries'>
  readonly clock: Clock
  readonly log: Logger
  /** Whose credentials they are; nothing is written without. */
  readonly agentId: () => string | undefined
}

/** A change is on the disk after this, and a little more for each credential that is written with it. */
const MIN_DELAY_MS = 1_000
const DELAY_PER_CREDENTIAL_MS = 10
const MAX_DELAY_MS = 60_000
const ALL = { x509: true, jwt: true, wit: true }

/** Keeps on the disk, sealed, the credentials that are in use, so that a restart without the server has them. */
export class CredentialKeeper {
  readonly #options: CredentialKeeperOptions
  readonly #stopListening: () => void
  #cancel: (() => void) | undefined
  #isChanged = false
  #isStopped = false
  /** Counts wipes: what was read before one is not written after it. */
  #wipes = 0
  #writing: Promise<void> = Promise.resolve()
  #wiping: Promise<void> = Promise.resolve()
  #status: NonNullable<AgentStatus['durable']> = {}

  constructor(options: CredentialKeeperOptions) {
    this.#options = options
    this.#stopListening = options.issuer.onChange(() => this.#changed())
  }

  get status(): NonNullable<AgentStatus['durable']> {
    return this.#status
  }

  /**
   * Puts back what an earlier run wrote. Never fails: what cannot be used is left out and logged.
   *
   * @param bundle of the own trust domain: what its authorities did not sign convinces nobody
   * @param entryIds the entries that this host has
   */
  async restore(agentId: string, bundle: SpiffeBundle, entryIds: ReadonlySet<string>): Promise<void> {
    const { sealed, issuer, clock, log } = this.#options
    const stored = await sealed.load(agentId)
    if (stored === undefined) return
    this.#status = { savedAt: stored.savedAt }
    try {
      restoreCredentials(stored, issuer.caches, clock.now())
    } catch {
      log.error({}, 'a stored credential is damaged, it and those after it are not used')
    }
    issuer.forget(ALL, bundle)
    issuer.keepEntries(entryIds)
    log.info({ ...issuer.sizes, savedAt: stored.savedAt }, 'credentials of the last run are served again')
  }

  /** The server no longer accepts this agent: what was kept is not to be served again, by nobody who has a copy. */
  wipe(): Promise<void> {
    const wiped = this.#wipe()
    this.#wiping = wiped
    return wiped
  }

  async #wipe(): Promise<void> {
    this.#wipes += 1
    this.#isChanged = false
    this.#cancel?.()
    this.#cancel = undefined
    try {
      await this.#options.sealed.wipe()
      this.#status = {}
    } catch (error) {
      this.#failed(error, 'stored credentials could not be removed')
    }
  }

  /** Writes what has not been written yet, and no more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#stopListening()
    this.#cancel?.()
    await Promise.all([this.#writing, this.#wiping])
    if (this.#isChanged) await this.#write()
  }

  #changed(): void {
    this.#isChanged = true
    if (this.#cancel !== undefined || this.#isStopped) return
    const { x509, wit, jwt } = this.#options.issuer.sizes
    const delayMs = Math.min(MAX_DELAY_MS, MIN_DELAY_MS + (x509 + wit + jwt) * DELAY_PER_CREDENTIAL_MS)
    this.#schedule(delayMs)
  }

  #schedule(delayMs: number): void {
    this.#cancel = this.#options.clock.schedule(delayMs, () => {
      this.#writing = this.#write().then((isWritten) => {
        this.#cancel = undefined
        if (!this.#isChanged || this.#isStopped) return
        if (isWritten) this.#changed()
        else this.#schedule(MAX_DELAY_MS)
      })
    })
  }

  /** @returns whether it need not be tried again */
  async #write(): Promise<boolean> {
    const { sealed, issuer, clock, agentId } = this.#options
    const owner = agentId()
    if (owner === undefined) return true
    const wipes = this.#wipes
    this.#isChanged = false
    try {
      const content = await encodeCredentials(issuer.caches, clock.now())
      if (wipes !== this.#wipes) return true
      await sealed.save(owner, content)
      this.#status = { savedAt: content.savedAt }
      return true
    } catch (error) {
      this.#isChanged = true
      this.#failed(error, 'credentials cannot be written, a restart without the server would begin without them')
      return false
    }
  }

  #failed(error: unknown, message: string): void {
    const { code = 'unexpected error' } = error as NodeJS.ErrnoException
    this.#status = { ...this.#status, trouble: `${message} (${code})` }
    this.#options.log.error({ reason: code }, message)
  }
}
