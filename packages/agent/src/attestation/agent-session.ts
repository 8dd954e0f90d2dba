import type { NextStep, SyncState } from '@countersign/api'
import { AttestationError, type Clock, type Logger } from '@countersign/plugin-kit'
import { retryDelayMs } from '@countersign/workload-api/server'
import { renewalTime } from '../issuance/renewal-time.ts'
import { pause } from '../pause.ts'
import { isAgentRefused, isDiverged } from '../server-client/server-call-error.ts'
import type { ServerClient } from '../server-client/server-client.ts'
import type { AgentIdentity } from '../state/agent-identity.ts'
import { describe, type Ending, endingOf, isNodeUnproven, isServerUnknown } from './call-outcome.ts'
import type { NodeAttestation } from './node-attestation.ts'
import { ServerContact } from './server-contact.ts'
import type { TrustRecovery } from './trust-recovery.ts'

export interface AgentSessionOptions {
  readonly server: ServerClient
  readonly serverUrl: string
  readonly attestation: NodeAttestation
  readonly recovery: TrustRecovery
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
  /** How often the agent asks by itself, besides being told. */
  readonly syncIntervalSeconds: number
  readonly onSync: (identity: AgentIdentity, state: SyncState) => void
  /** The server no longer accepts the agent. */
  readonly onRefused: () => void
  /** From an earlier run. */
  readonly identity: AgentIdentity | undefined
  /** The agent's identifier in an earlier run, also when its identity is over. */
  readonly agentId: string | undefined
  /** What the server said in an earlier run: it then tells only what is new. */
  readonly synced?: SyncState | undefined
}

const BACKOFF = { firstMs: 1_000, maxMs: 30_000 }
/** A server that ends a stream in good order may have something to say to this agent: that it is banned, for example. */
const AFTER_ORDERLY_END = { firstMs: 250, maxMs: 30_000 }
/** Evidence is judged and audited each time, so it is offered less often than a connection is tried. */
const ATTESTATION_BACKOFF = { firstMs: 1_000, maxMs: 120_000 }
/** Without evidence nobody is asked, and an operator who has just brought some is waiting. */
const EVIDENCE_BACKOFF = { firstMs: 1_000, maxMs: 10_000 }

/** Keeps the agent known to its server: attests, renews its identity, follows changes, and starts over when it must. */
export class AgentSession {
  readonly #options: AgentSessionOptions
  #identity: AgentIdentity | undefined
  #refused = false
  #unaccepted = false
  #revision = -1
  /** What the server has said; `undefined` when all of it is to be said again. */
  #synced: SyncState | undefined
  #lastSignOfLife = 0
  #isRenewalDue = false
  #wakeRenewal = () => {}
  /** Ends every pause. */
  #wake = new AbortController()
  #shifts = 0

  readonly contact: ServerContact

  constructor(options: AgentSessionOptions) {
    this.#options = options
    this.contact = new ServerContact(options.clock)
    this.#identity = options.identity
    this.#synced = options.synced
  }

  get identity(): AgentIdentity | undefined {
    return this.#identity
  }

  /** Renews the identity as soon as the server answers, however long it still lasts. */
  renewSoon(): void {
    this.#isRenewalDue = true
    this.#wakeRenewal()
  }

  /**
   * The machine slept, or its clock was set: what waits looks at the time again, and no connection is relied on.
   *
   * @param seconds negative when the clock was set back: then nobody knows how long the identity still lasts
   */
  clockShifted(seconds: number): void {
    this.#shifts += 1
    if (seconds < 0) this.#isRenewalDue = true
    this.#lastSignOfLife = 0
    this.#options.server.reconnect()
    this.#restartStream()
    const waking = this.#wake
    this.#wake = new AbortController()
    waking.abort()
  }

  #pause(milliseconds: number, signal: AbortSignal): Promise<void> {
    return pause(this.#options.clock, milliseconds, AbortSignal.any([signal, this.#wake.signal]))
  }

  /** Runs until the signal aborts. Failures are logged and tried again, for ever. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#obtainIdentity(signal)
      if (signal.aborted) return
      const ending = await this.#serve(signal)
      if (ending === 'refused') this.#refuse()
      if (ending === 'unaccepted') {
        this.#unaccepted = true
        this.#options.log.error(
          {
            server: this.#options.serverUrl,
            agentId: this.#identity?.agentId,
            needs: 'the agent attests anew; compare the clocks of this host and the server',
          },
          "server does not accept the agent's certificate, valid identities are still served",
        )
        await this.#pause(BACKOFF.firstMs, signal)
      }
    }
  }

  #refuse(): void {
    this.#refused = true
    this.#synced = undefined
    this.#options.onRefused()
    this.#options.log.error(
      { server: this.#options.serverUrl, agentId: this.#identity?.agentId },
      'server does not accept this agent any more (banned, evicted or unknown), no identities are served',
    )
  }

  async #obtainIdentity(signal: AbortSignal): Promise<void> {
    const { attestation, random, log, serverUrl } = this.#options
    for (let failures = 0; !signal.aborted && !this.#isUsable(); failures++) {
      try {
        const before = this.#identity?.agentId ?? this.#options.agentId
        this.#identity = await attestation.attest()
        if (this.#identity.agentId !== before) this.#synced = undefined
        this.#refused = false
        this.#unaccepted = false
        log.info({ agentId: this.#identity.agentId, expiresAt: this.#identity.expiresAt }, 'agent attested')
      } catch (error) {
        if (await this.#isAcceptedAgain()) return
        // A ban must not go unheard because the certificate was not good enough to ask with.
        if (isAgentRefused(error) && !this.#refused) this.#refuse()
        const need = await this.#needAfter(error)
        if (need === 'helped') continue
        const backoff = error instanceof AttestationError ? EVIDENCE_BACKOFF : ATTESTATION_BACKOFF
        const delayMs = retryDelayMs(failures, backoff, random)
        const fields = { server: serverUrl, ...describe(error), retryInSeconds: Math.ceil(delayMs / 1000) }
        this.#lost(error, need)
        if (isNodeUnproven(error))
          log.error({ ...fields, ...textOf(need) }, 'this node cannot prove itself to the server')
        else log.warn({ ...fields, ...textOf(need) }, 'agent is not attested yet, will try again')
        const shifts = this.#shifts
        await this.#pause(delayMs, signal)
        // A machine that woke up has another network now, and others have had time to help.
        if (shifts !== this.#shifts) failures = -1
      }
    }
  }

  /** What has to be done about a failure by somebody else; `helped` when the agent has done it by itself. */
  async #needAfter(error: unknown): Promise<NextStep | 'helped' | undefined> {
    const { attestation, recovery, agentId } = this.#options
    if (isServerUnknown(error)) return (await recovery.attempt()) ?? 'helped'
    return isNodeUnproven(error) ? attestation.describeNeed(this.#identity?.agentId ?? agentId) : undefined
  }

  #isUsable(): boolean {
    if (this.#refused || this.#unaccepted) return false
    return this.#identity !== undefined && this.#identity.expiresAt > this.#options.clock.now()
  }

  /** A ban may be lifted while the old credential is still good. */
  async #isAcceptedAgain(): Promise<boolean> {
    if ((!this.#refused && !this.#unaccepted) || this.#identity === undefined) return false
    if (this.#identity.expiresAt <= this.#options.clock.now()) return false
    try {
      await this.#options.server.sync()
      this.#refused = false
      this.#unaccepted = false
      this.#options.log.info({ agentId: this.#identity.agentId }, 'server accepts this agent again')
      return true
    } catch {
      return false
    }
  }

  /** Follows, asks and renews at the same time, until one of them finds that the identity is no longer any good. */
  async #serve(signal: AbortSignal): Promise<Ending | undefined> {
    const over = new AbortController()
    const stop = () => over.abort()
    signal.addEventListener('abort', stop, { once: true })
    const endings: Ending[] = []
    const until = async (loop: Promise<Ending | undefined>) => {
      const ending = await loop
      if (ending !== undefined) endings.push(ending)
      over.abort()
    }
    await Promise.all([
      until(this.#followChanges(over.signal)),
      until(this.#askRegularly(over.signal)),
      until(this.#renewIdentity(over.signal)),
    ])
    signal.removeEventListener('abort', stop)
    return endings[0]
  }

  async #followChanges(signal: AbortSignal): Promise<Ending | undefined> {
    const { server, clock, random, log, serverUrl } = this.#options
    let failures = 0
    while (!signal.aborted) {
      const stream = new AbortController()
      this.#restartStream = () => stream.abort()
      const stopStream = () => stream.abort()
      signal.addEventListener('abort', stopStream, { once: true })
      let failure: unknown
      try {
        await server.followChanges(
          this.#synced,
          (state) => {
            if (failures > 0 || this.#revision === -1) log.info({ server: serverUrl }, 'connected to the server')
            failures = 0
            this.#accept(state)
          },
          () => {
            this.#lastSignOfLife = clock.now()
            this.contact.heard()
          },
          stream.signal,
        )
      } catch (error) {
        failure = error
      }
      signal.removeEventListener('abort', stopStream)
      if (signal.aborted) return undefined
      if (stream.signal.aborted) continue
      const ending = endingOf(failure)
      const need = ending === undefined ? await this.#needAfter(failure) : undefined
      if (need === 'helped') continue
      this.#lost(failure, need)
      if (ending !== undefined) return ending
      if (isDiverged(failure)) this.#synced = undefined
      const delayMs = retryDelayMs(failures, failure === undefined ? AFTER_ORDERLY_END : BACKOFF, random)
      failures += 1
      log.warn(
        { server: serverUrl, ...describe(failure), retryInSeconds: Math.ceil(delayMs / 1000), ...textOf(need) },
        'connection to the server is lost, valid identities are still served',
      )
      const shifts = this.#shifts
      await this.#pause(delayMs, signal)
      if (shifts !== this.#shifts) failures = 1
    }
    return undefined
  }

  #restartStream = () => {}

  /** Finds out what a stream that silently died does not tell. */
  async #askRegularly(signal: AbortSignal): Promise<Ending | undefined> {
    const { server, clock, syncIntervalSeconds } = this.#options
    for (;;) {
      await this.#pause(syncIntervalSeconds * 1000, signal)
      if (signal.aborted) return undefined
      if (clock.now() - this.#lastSignOfLife < syncIntervalSeconds) continue
      try {
        const state = await server.sync()
        if (signal.aborted) return undefined
        if (state.revision <= this.#revision) continue
        this.#accept(state)
        this.#restartStream()
      } catch (error) {
        const ending = endingOf(error)
        if (ending !== undefined) return ending
        // The stream's own loop says what is wrong with the connection.
      }
    }
  }

  async #renewIdentity(signal: AbortSignal): Promise<Ending | undefined> {
    const { attestation, clock, random, log, serverUrl } = this.#options
    let failures = 0
    for (;;) {
      const identity = this.#identity
      if (identity === undefined || identity.expiresAt <= clock.now()) {
        log.error({ server: serverUrl, agentId: identity?.agentId }, "the agent's own identity has expired")
        return 'expired'
      }
      const dueAt = this.#isRenewalDue ? 0 : renewalTime(identity.issuedAt, identity.expiresAt, random())
      const untilExpiry = (identity.expiresAt - clock.now()) * 1000
      const due = Math.max(0, (dueAt - clock.now()) * 1000)
      const delayMs = failures === 0 ? due : retryDelayMs(failures - 1, BACKOFF, random)
      await this.#pauseRenewal(Math.min(delayMs, untilExpiry), signal)
      if (signal.aborted) return undefined
      if (identity.expiresAt <= clock.now()) continue
      try {
        this.#identity = await attestation.renew(identity)
        failures = 0
        this.#isRenewalDue = false
        log.info({ agentId: this.#identity.agentId, expiresAt: this.#identity.expiresAt }, 'agent identity renewed')
        // The stream lasts no longer than the certificate it was opened with.
        this.#restartStream()
      } catch (error) {
        const ending = endingOf(error)
        if (ending !== undefined) return ending
        failures += 1
        log.warn(
          { server: serverUrl, ...describe(error), expiresAt: identity.expiresAt },
          'agent identity is not renewed yet',
        )
      }
    }
  }

  /** A pause that {@link renewSoon} ends. */
  #pauseRenewal(milliseconds: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController()
    this.#wakeRenewal = () => woken.abort()
    return this.#pause(milliseconds, AbortSignal.any([signal, woken.signal]))
  }

  #lost(error: unknown, need?: NextStep): void {
    const { reason: message, ...trouble } = describe(error)
    this.contact.lost({ message, ...trouble }, need)
  }

  #accept(state: SyncState): void {
    if (this.#identity === undefined) return
    this.#lastSignOfLife = this.#options.clock.now()
    this.contact.heard()
    this.#revision = state.revision
    this.#synced = state
    this.#options.onSync(this.#identity, state)
  }
}

function textOf(need: NextStep | undefined): { needs?: string; command?: string } {
  if (need === undefined) return {}
  return { needs: need.say, ...(need.command === undefined ? {} : { command: need.command.join(' ') }) }
}
