import { expectCode, FakeClock, settle } from '@countersign/testing'
import { WorkloadApiError } from '@countersign/workload-api'
import { beforeEach, describe, expect, it } from 'vitest'
import { onDemand } from './on-demand.ts'

let clock: FakeClock
let abort: AbortController
let accepted: string[]
let failures: unknown[]
let opened: number

beforeEach(() => {
  clock = new FakeClock()
  abort = new AbortController()
  accepted = []
  failures = []
  opened = 0
})

/** A stream whose messages come when the test says so. */
class Script {
  #next = Promise.withResolvers<string>()

  tell(message: string): void {
    const { resolve } = this.#next
    this.#next = Promise.withResolvers()
    resolve(message)
  }

  fail(error: WorkloadApiError): void {
    const { reject } = this.#next
    this.#next = Promise.withResolvers()
    reject(error)
  }

  async *open(signal: AbortSignal): AsyncGenerator<string> {
    opened += 1
    const ended = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    while (true) yield await Promise.race([this.#next.promise, ended])
  }
}

function demand(script: Script): () => Promise<void> {
  return onDemand({
    signal: abort.signal,
    schedule: clock.schedule.bind(clock),
    timeoutMs: 10_000,
    open: (signal) => script.open(signal),
    accept: (message) => accepted.push(message),
    withdraw: () => accepted.push('withdrawn'),
    onFailure: (failure) => failures.push(failure),
  })
}

describe('onDemand', () => {
  it('opens nothing before somebody asks, and once for all who do', async () => {
    const script = new Script()
    const load = demand(script)
    expect(opened).toBe(0)
    const waiting = [load(), load()]
    await settle()
    script.tell('first')
    await Promise.all(waiting)
    await load()
    script.tell('second')
    await settle()
    expect([opened, accepted, clock.pendingTimers]).toEqual([1, ['first', 'second'], 0])
    abort.abort()
  })

  it('says what is wrong when nothing came in time, and waits again at the next call', async () => {
    const script = new Script()
    const load = demand(script)
    const refused = expectCode(load(), 'ERR_SDK_NO_IDENTITY')
    await clock.advance(10)
    await refused
    const second = load()
    await settle()
    script.tell('late')
    await second
    expect([opened, accepted]).toEqual([1, ['late']])
    abort.abort()
  })

  it('gives up at once when the agent never will, and asks again at the next call', async () => {
    const script = new Script()
    const load = demand(script)
    const first = load()
    await settle()
    script.fail(new WorkloadApiError('ERR_WORKLOAD_API_UNIMPLEMENTED', 'for the test'))
    const { message } = await expectCode(first, 'ERR_SDK_NO_IDENTITY')
    expect(message).toContain('does not offer')
    expect(failures.length).toBe(1)
    const second = load()
    await settle()
    script.tell('now it does')
    await second
    expect(opened).toBe(2)
    abort.abort()
  })

  it('asks nobody once everything has ended', async () => {
    const load = demand(new Script())
    abort.abort()
    await expectCode(load(), 'ERR_SDK_CLOSED')
    expect(opened).toBe(0)
  })
})
