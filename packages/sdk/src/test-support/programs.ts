import { FakeClock, type FakeIssuer, type FakeWorkload } from '@countersign/testing'
import { readIdentities } from '../identity/held-identity.ts'
import { WitTrust } from '../identity/wit-trust.ts'
import { Workload } from '../workload.ts'
import { bundlesOf, svidOf, witDomain } from './deliveries.ts'

/** Programs of one trust domain with what an agent gave them, without the agent. */
export class Programs {
  readonly clock = new FakeClock()
  readonly domain: FakeIssuer = witDomain()

  /** A program that holds an identity and trusts its own domain. */
  connect(
    path: string,
    options: { readonly otherTokenFields?: readonly string[]; fetch?: typeof fetch } = {},
  ): Workload {
    return this.hold(this.domain.workload(path), options)
  }

  hold(
    program: FakeWorkload,
    options: { readonly otherTokenFields?: readonly string[]; fetch?: typeof fetch } = {},
  ): Workload {
    const trust = new WitTrust()
    trust.replace(bundlesOf(this.domain))
    const runtime = {
      now: () => this.clock.now(),
      schedule: this.clock.schedule.bind(this.clock),
      fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    } satisfies Workload['runtime']
    const workload = new Workload(runtime, trust, { otherTokenFields: options.otherTokenFields ?? [] }, () => {})
    workload.replaceIdentities(readIdentities([svidOf(program, this.clock.now())]))
    return workload
  }
}
