import { hash } from 'node:crypto'
import {
  AttestationError,
  type Clock,
  formatSelector,
  type Logger,
  type PeerProcess,
  type Selector,
  type WorkloadAttestor,
} from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'
import { traced } from '@countersign/telemetry'
import { FairQueue } from '../fair-queue.ts'
import { LogLimit } from '../log-limit.ts'
import { type AgentObservation, UNOBSERVED } from '../telemetry/observation.ts'

export interface NamedWorkloadAttestor {
  readonly name: string
  readonly attestor: WorkloadAttestor
}

export interface WorkloadAttestationOptions {
  readonly attestors: readonly NamedWorkloadAttestor[]
  readonly clock: Clock
  readonly log: Logger
  readonly timeoutMs: number
  /** How long what was found about a process is believed. Short: a process can become another program at any time. */
  readonly cacheSeconds: number
  readonly observation?: AgentObservation
}

interface Finding {
  selectors: Promise<readonly Selector[]>
  /** When the attestors were asked; not yet while the process waits for its turn. */
  at: number | undefined
}

/** After a restart of the agent, every program of the host comes at once. Users take turns. */
const QUEUE = { running: 32, runningPerOwner: 16, waiting: 16_384, waitingPerOwner: 8192, patienceMs: 20_000 }

const MAX_SELECTORS = 1024
const MAX_SHARED_LISTS = 256

/** Finds out which program is calling, by asking every configured attestor. */
export class WorkloadAttestation {
  readonly #options: WorkloadAttestationOptions
  readonly #logLimit: LogLimit
  readonly #queue: FairQueue<number>
  readonly #lists = new Map<string, readonly Selector[]>()
  readonly #findings = new WeakMap<PeerProcess, Finding>()

  constructor(options: WorkloadAttestationOptions) {
    this.#options = options
    this.#logLimit = new LogLimit(options.clock)
    this.#queue = new FairQueue(QUEUE, options.clock)
  }

  /** Programs that are looked at, and that wait for it. */
  get load(): { readonly running: number; readonly waiting: number } {
    return { running: this.#queue.running, waiting: this.#queue.waiting }
  }

  /**
   * What is true of the process now. All attestors must answer: with one of them missing, identities would seem to have
   * been withdrawn that were not.
   *
   * @throws AttestationError `ERR_ATTESTATION_PROCESS_GONE` when the process that connected has ended
   * @throws AttestationError `ERR_ATTESTATION_*` of the attestor that failed
   * @throws AgentError `ERR_AGENT_BUSY` when too many programs ask
   */
  async attest(peer: PeerProcess): Promise<readonly Selector[]> {
    rejectGone(peer)
    const selectors = await this.#find(peer)
    // What was just found may be about a process that took over the pid meanwhile.
    rejectGone(peer)
    return selectors
  }

  #find(peer: PeerProcess): Promise<readonly Selector[]> {
    const { clock, cacheSeconds } = this.#options
    const known = this.#findings.get(peer)
    const age = known === undefined ? Number.POSITIVE_INFINITY : clock.now() - (known.at ?? clock.now())
    // A clock that was set back would otherwise keep what was found for as long as it was set back.
    if (known !== undefined && age >= 0 && (age < cacheSeconds || known.at === undefined)) return known.selectors
    const finding: Finding = { selectors: Promise.resolve([]), at: undefined }
    finding.selectors = this.#queue.run(peer.uid, () => {
      finding.at = clock.now()
      return this.#observed(peer)
    })
    this.#findings.set(peer, finding)
    finding.selectors.catch(() => this.#findings.delete(peer))
    return finding.selectors
  }

  async #observed(peer: PeerProcess): Promise<readonly Selector[]> {
    const { recorder, tracing } = this.#options.observation ?? UNOBSERVED
    const seconds = recorder.stopwatch()
    const attributes = { 'process.pid': peer.pid, 'countersign.uid': peer.uid }
    try {
      const selectors = await traced(tracing, 'workload.attest', attributes, () => this.#ask(peer))
      recorder.attested(seconds())
      return selectors
    } catch (error) {
      recorder.attested(seconds(), errorCode(error) ?? '')
      throw error
    }
  }

  async #ask(peer: PeerProcess): Promise<readonly Selector[]> {
    const { attestors, clock, timeoutMs } = this.#options
    const patience = new AbortController()
    const late = new AttestationError('ERR_ATTESTATION_NOT_POSSIBLE', 'attestation took too long')
    const cancel = clock.schedule(timeoutMs, () => patience.abort(late))
    try {
      const found = await Promise.all(
        attestors.map(async ({ name, attestor }) => {
          try {
            return await orAbort(attestor.attest(peer, patience.signal), patience.signal)
          } catch (error) {
            this.#logFailure(name, peer, errorCode(error))
            if (error instanceof AttestationError) throw error
            // What the host is short of now says nothing about the program, so this must not pass for a refusal.
            throw new AttestationError('ERR_ATTESTATION_NOT_POSSIBLE', 'workload attestor failed', { cause: error })
          }
        }),
      )
      return this.#shared(distinct(found.flat()))
    } finally {
      cancel()
    }
  }

  /** Hundreds of instances of one program are told by the same selectors: the list is kept once. */
  #shared(selectors: readonly Selector[]): readonly Selector[] {
    // Unambiguous whatever the values hold: two programs with one key would be the same program from here on.
    const key = hash('sha256', JSON.stringify(selectors.map(({ type, value }) => [type, value])), 'base64')
    const known = this.#lists.get(key) ?? selectors
    this.#lists.delete(key)
    this.#lists.set(key, known)
    const [oldest] = this.#lists.keys()
    if (this.#lists.size > MAX_SHARED_LISTS && oldest !== undefined) this.#lists.delete(oldest)
    return known
  }

  #logFailure(attestor: string, { pid, uid }: PeerProcess, code: string | undefined): void {
    const admitted = this.#logLimit.admit(`${uid} ${attestor} ${code}`)
    if (admitted === undefined) return
    this.#options.log.warn({ attestor, pid, uid, code, ...admitted }, 'workload attestation failed')
  }
}

function rejectGone(peer: PeerProcess): void {
  if (!peer.isAlive()) {
    throw new AttestationError('ERR_ATTESTATION_PROCESS_GONE', 'the program that connected has ended')
  }
}

export function distinct(selectors: readonly Selector[]): readonly Selector[] {
  const byText = new Map(selectors.map((selector) => [formatSelector(selector), selector]))
  if (byText.size > MAX_SELECTORS) {
    throw new AttestationError('ERR_ATTESTATION_TOO_LARGE', `process has more than ${MAX_SELECTORS} selectors`)
  }
  return [...byText.values()]
}

/** An attestor that ignores the signal must not hold the caller. */
export function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
