import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import type { Program } from './program.ts'
import type { TrustDomain } from './trust-domain.ts'

const SCRIPT = fileURLToPath(new URL('./holder.mjs', import.meta.url))

export const KINDS = ['x509', 'wit', 'jwt'] as const
export type Kind = (typeof KINDS)[number]

interface Event {
  readonly kind: Kind
  /** Of the credential that was given. */
  readonly id?: string
  /** Its end, epoch seconds. */
  readonly end?: number
  /** Why none was given. */
  readonly refused?: string
  readonly why?: string
  /** It was given so many seconds after its end. */
  readonly expired?: number
}

/** A program that holds a credential of each kind, and what it has been given so far. */
export class Holder {
  readonly #program: Program
  /** How much it had been told when it first held one of each kind. */
  #start: number | undefined

  private constructor(program: Program) {
    this.#program = program
  }

  static start(domain: TrustDomain): Holder {
    return new Holder(domain.start([SCRIPT], { SPIFFE_ENDPOINT_SOCKET: domain.endpoint }))
  }

  /** Which processes may have the identity of a holder. */
  static readonly selectors = [
    `--selector=unix:uid:${process.getuid?.() ?? 0}`,
    `--selector=unix:script:path:${SCRIPT}`,
  ]

  get events(): readonly Event[] {
    const lines = this.#program.output.split('\n').filter((line) => line.startsWith('{') && line.endsWith('}'))
    return lines.map((line) => JSON.parse(line) as Event)
  }

  last(kind: Kind): Event | undefined {
    return this.events.findLast((event) => event.kind === kind)
  }

  /** Waits until the program holds one of each kind, other than those given. @returns their ids */
  async holdsAll(others: readonly string[] = [], patienceMs = 60_000): Promise<readonly string[]> {
    const ids = () => KINDS.map((kind) => this.last(kind)?.id)
    const isFresh = (id: string | undefined) => id !== undefined && !others.includes(id)
    await this.#program.until(() => ids().every(isFresh), 'it holds one of each kind', patienceMs)
    this.#start ??= this.events.length
    return ids() as string[]
  }

  /**
   * What it was refused since it first held one of each kind. An agent listens before it is attested, and those who ask that
   * early are rightly told that nothing is there yet.
   */
  get refusals(): readonly Event[] {
    return this.events.slice(this.#start).filter(({ refused }) => refused !== undefined)
  }

  /** Waits until the program is refused each kind, as something that is not there now. */
  async isRefusedAll(patienceMs = 60_000): Promise<void> {
    const isRefused = (kind: Kind) => this.last(kind)?.refused === 'ERR_WORKLOAD_API_UNAVAILABLE'
    await this.#program.until(() => KINDS.every(isRefused), 'it is refused each kind', patienceMs)
  }

  /** Nothing was ever given after its end, and nothing was refused but for being away. */
  expectHonesty(): void {
    expect(this.events.filter(({ expired }) => expired !== undefined)).toEqual([])
    const reasons = new Set(this.events.flatMap(({ refused }) => (refused === undefined ? [] : [refused])))
    expect([...reasons].filter((reason) => reason !== 'ERR_WORKLOAD_API_UNAVAILABLE')).toEqual([])
  }
}
