import { FakeClock, type FakeIssuer } from '@countersign/testing'
import { type WITSVID, WorkloadApiError } from '@countersign/workload-api'
import { vi } from 'vitest'
import { type ConnectOptions, connect } from '../connect.ts'
import { SdkError } from '../sdk-error.ts'
import type { Workload } from '../workload.ts'
import { bundlesOf, svidOf, witDomain } from './deliveries.ts'
import { WorkloadApiServer } from './workload-api-server.ts'

/** A program and the agent on its host, in one process, with time in the hands of the test. */
export class Host implements AsyncDisposable {
  readonly agent: WorkloadApiServer
  readonly clock = new FakeClock()
  readonly domain: FakeIssuer = witDomain()
  readonly failures: { readonly code: string | undefined; readonly retryMs: number | undefined }[] = []
  readonly #opened: Workload[] = []

  private constructor(agent: WorkloadApiServer) {
    this.agent = agent
  }

  static async start(): Promise<Host> {
    return new Host(await WorkloadApiServer.start())
  }

  async connect(options: ConnectOptions = {}): Promise<Workload> {
    const workload = await connect({
      address: this.agent.address,
      runtime: { now: () => this.clock.now(), schedule: this.clock.schedule.bind(this.clock) },
      onFailure: (failure, retryMs) => {
        const code = failure instanceof SdkError || failure instanceof WorkloadApiError ? failure.code : undefined
        this.failures.push({ code, retryMs })
      },
      ...options,
    })
    this.#opened.push(workload)
    return workload
  }

  /** Connects a program that the agent knows as `/orders`. */
  connectOrders(options: ConnectOptions = {}): Promise<Workload> {
    this.agent.giveIdentities(this.identity('/orders'))
    this.agent.giveBundles(bundlesOf(this.domain))
    return this.connect(options)
  }

  identity(path: string, options: Parameters<typeof svidOf>[2] = {}): WITSVID {
    return svidOf(this.domain.workload(path), this.clock.now(), options)
  }

  codes(): readonly (string | undefined)[] {
    return this.failures.map(({ code }) => code)
  }

  /** As long as it takes, lets retries fall due. */
  afterRetries(check: () => unknown): Promise<unknown> {
    return eventually(async () => {
      await this.clock.advance(1)
      await check()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const workload of this.#opened) workload.close()
    await this.agent.stop()
  }
}

/** Waits for what the other end of a socket is about to do. */
export function eventually(check: () => unknown): Promise<unknown> {
  return vi.waitFor(check, { interval: 2, timeout: 5_000 })
}
