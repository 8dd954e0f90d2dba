import { decodeUtf8, encodeUtf8 } from '@countersign/protocol'
import { FakeClock, type FakeIssuer, type FakeWorkload } from '@countersign/testing'
import { readIdentities } from '../identity/held-identity.ts'
import { TokenTrust } from '../identity/token-trust.ts'
import type { ProofFetchOptions } from '../presentation/proof-fetch.ts'
import { DEFAULT_MAX_SIGNED_BODY_BYTES } from '../presentation/signed-body.ts'
import { Workload } from '../workload.ts'
import { bundlesOf, jwtBundlesOf, svidOf, witDomain } from './deliveries.ts'

export interface ProgramOptions extends Partial<ProofFetchOptions> {
  readonly fetch?: typeof fetch
}

/** Programs of one trust domain with what an agent gave them, without the agent. */
export class Programs {
  readonly clock = new FakeClock()
  readonly domain: FakeIssuer = witDomain()

  /** A program that holds an identity and trusts its own domain. */
  connect(path: string, options: ProgramOptions = {}): Workload {
    return this.hold(this.domain.workload(path), options)
  }

  hold(program: FakeWorkload, options: ProgramOptions = {}): Workload {
    const trust = new TokenTrust('wit-svid')
    trust.replace(bundlesOf(this.domain))
    const jwtTrust = new TokenTrust('jwt-svid')
    jwtTrust.replace(jwtBundlesOf(this.domain))
    const runtime = {
      now: () => this.clock.now(),
      schedule: this.clock.schedule.bind(this.clock),
      random: () => 0.5,
      fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    } satisfies Workload['runtime']
    const workload = new Workload(
      runtime,
      trust,
      {
        otherTokenFields: options.otherTokenFields ?? [],
        targets: options.targets,
        maxSignedBodyBytes: options.maxSignedBodyBytes ?? DEFAULT_MAX_SIGNED_BODY_BYTES,
      },
      {
        jwtTrust: async () => jwtTrust.store,
        mutualTls: () => Promise.reject(new TypeError('these programs have no certificates')),
        jwtSvid: async (audience) => this.domain.jwtSvid(program.id.path, audience, this.clock.now()),
        certificateId: () => {
          throw new TypeError('these programs have no certificates')
        },
      },
      () => {},
    )
    workload.replaceIdentities(readIdentities([svidOf(program, this.clock.now())], options.otherTokenFields))
    return workload
  }
}

/** A `fetch` through somebody who changes the content on the way. */
export function throughMiddlebox(change: (body: string) => string): typeof fetch {
  return (input, init) =>
    fetch(input, { ...init, body: encodeUtf8(change(decodeUtf8(init?.body as Uint8Array))) as Uint8Array<ArrayBuffer> })
}
