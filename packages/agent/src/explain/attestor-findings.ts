import type { AttestorFinding } from '@countersign/api'
import type { Clock, Logger, PeerProcess, PluginContext, Selector, WorkloadAttestor } from '@countersign/plugin-kit'
import { WorkloadIdentityError } from '@countersign/protocol'
import { orAbort } from '../attestation/workload-attestation.ts'
import type { ChosenPlugin } from '../config/agent-plugins.ts'

export interface AttestorFindingsOptions {
  readonly attestors: readonly ChosenPlugin<WorkloadAttestor>[]
  readonly plugin: (name: string) => PluginContext
  readonly clock: Clock
  readonly timeoutMs: number
}

const MAX_NOTES = 64

interface Observed {
  readonly name: string
  readonly attestor: WorkloadAttestor
  readonly notes: Notes
}

/**
 * Asks every attestor about one process and keeps apart what each found, could not find out, and failed at.
 *
 * The attestors are instances of their own. What they would log is a part of the answer, and an operator's questions must
 * neither use up the log of the Workload API nor be answered from what it remembers.
 */
export class AttestorFindings {
  readonly #options: AttestorFindingsOptions
  #observed: readonly Observed[] | undefined
  /** Notes belong to the one question that is being answered. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: AttestorFindingsOptions) {
    this.#options = options
  }

  /** A failure of an attestor is a finding. @throws what creating an attestor throws */
  find(peer: PeerProcess): Promise<readonly AttestorFinding[]> {
    const found = this.#last.then(() => this.#ask(peer))
    this.#last = found.catch(() => {})
    return found
  }

  async #ask(peer: PeerProcess): Promise<readonly AttestorFinding[]> {
    const { clock, timeoutMs } = this.#options
    const patience = new AbortController()
    const cancel = clock.schedule(timeoutMs, () => patience.abort(new Error('took too long')))
    try {
      return await Promise.all(this.#attestors().map((each) => findWith(each, peer, patience.signal)))
    } finally {
      cancel()
    }
  }

  #attestors(): readonly Observed[] {
    const { attestors, plugin } = this.#options
    this.#observed ??= attestors.map(({ name, create }) => {
      const notes = new Notes()
      return { name, notes, attestor: create({ ...plugin(name), log: notes.log }) }
    })
    return this.#observed
  }
}

async function findWith(
  { name, attestor, notes }: Observed,
  peer: PeerProcess,
  signal: AbortSignal,
): Promise<AttestorFinding> {
  notes.clear()
  try {
    const selectors = await orAbort(attestor.attest(peer, signal), signal)
    return { name, selectors: [...selectors], notes: notes.list() }
  } catch (error) {
    return { name, selectors: [], notes: notes.list(), trouble: describe(error, signal) }
  }
}

function describe(error: unknown, signal: AbortSignal): NonNullable<AttestorFinding['trouble']> {
  if (signal.aborted) return { code: 'ERR_ATTESTATION_NOT_POSSIBLE', message: 'attestor took too long' }
  if (!(error instanceof WorkloadIdentityError)) {
    const { code } = (error ?? {}) as { readonly code?: unknown }
    const detail = typeof code === 'string' ? { detail: code } : {}
    return { code: 'ERR_ATTESTATION_NOT_POSSIBLE', message: 'attestor failed', ...detail }
  }
  const { code, message, detail } = error
  return { code, message, ...(detail === undefined ? {} : { detail }) }
}

/** What an attestor logs while it answers, each line once. */
class Notes {
  readonly #lines = new Set<string>()
  readonly log: Logger = {
    debug: () => {},
    info: (fields, message) => this.#keep(fields, message),
    warn: (fields, message) => this.#keep(fields, message),
    error: (fields, message) => this.#keep(fields, message),
    child: () => this.log,
  }

  clear(): void {
    this.#lines.clear()
  }

  list(): string[] {
    return [...this.#lines]
  }

  #keep(fields: object, message: string): void {
    if (this.#lines.size >= MAX_NOTES) return
    const { selector, reason } = fields as { readonly selector?: unknown; readonly reason?: unknown }
    const about = [message, selector].filter((part) => typeof part === 'string').join(' ')
    this.#lines.add(typeof reason === 'string' ? `${about}: ${reason}` : about)
  }
}

export function selectorsOf(findings: readonly AttestorFinding[]): Selector[] {
  return findings.flatMap(({ selectors }) => selectors)
}
