import type { NextStep, SyncState } from '@countersign/api'
import { AttestationError, type Clock, type Logger } from '@countersign/plugin-kit'
import { retryDelayMs } from '@countersign/workload-api/server'
import { renewalTime } from '../issuance/renewal-time.ts'
import { Pauses } from '../pauses.ts'
import { isAgentRefused } from '../server-client/server-call-error.ts'
import type { ServerClient } from '../server-client/server-client.ts'
import type { AgentIdentity } from '../state/agent-identity.ts'
import { CONNECTION_BACKOFF } from './backoff.ts'
import { describe, type Ending, endingOf, isNodeUnproven, isServerUnknown, textOf } from './call-outcome.ts'
import type { NodeAttestation } from './node-attestation.ts'
import { ServerContact } from './server-contact.ts'
import { ServerFollower } from './server-follower.ts'
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
  #isRenewalDue = false
  #wakeRenewal = () => {}
  readonly #pauses: Pauses
  readonly #follower: ServerFollower

  readonly contact: ServerContact

  constructor(options: AgentSessionOptions) {
    this.#options = options
    this.contact = new ServerContact(options.clock)
    this.#identity = options.identity
    this.#pauses = new Pauses(options.clock)
    this.#follower = new ServerFollower({
      ...options,
      pauses: this.#pauses,
      contact: this.contact,
      needAfter: (error) => this.#needAfter(error),
      onState: (state) => {
        if (this.#identity !== undefined) options.onSync(this.#identity, state)
      },
    })
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
    if (seconds < 0) this.#isRenewalDue = true
    this.#options.server.reconnect()
    this.#follower.doubt()
    this.#pauses.endAll()
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
        await this.#pauses.for(CONNECTION_BACKOFF.firstMs, signal)
      }
    }
  }

  #refuse(): void {
    this.#refused = true
    this.#follower.forget()
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
        if (this.#identity.agentId !== before) this.#follower.forget()
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
        this.contact.failed(error, need)
        if (isNodeUnproven(error))
          log.error({ ...fields, ...textOf(need) }, 'this node cannot prove itself to the server')
        else log.warn({ ...fields, ...textOf(need) }, 'agent is not attested yet, will try again')
        const ended = this.#pauses.ended
        await this.#pauses.for(delayMs, signal)
        // A machine that woke up has another network now, and others have had time to help.
        if (ended !== this.#pauses.ended) failures = -1
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
      until(this.#follower.follow(over.signal)),
      until(this.#follower.askRegularly(over.signal)),
      until(this.#renewIdentity(over.signal)),
    ])
    signal.removeEventListener('abort', stop)
    return endings[0]
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
      const delayMs = failures === 0 ? due : retryDelayMs(failures - 1, CONNECTION_BACKOFF, random)
      await this.#pauseRenewal(Math.min(delayMs, untilExpiry), signal)
      if (signal.aborted) return undefined
      if (identity.expiresAt <= clock.now()) continue
      try {
        this.#identity = await attestation.renew(identity)
        failures = 0
        this.#isRenewalDue = false
        log.info({ agentId: this.#identity.agentId, expiresAt: this.#identity.expiresAt }, 'agent identity renewed')
        this.#follower.restart()
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
    return this.#pauses.for(milliseconds, AbortSignal.any([signal, woken.signal]))
  }
}
