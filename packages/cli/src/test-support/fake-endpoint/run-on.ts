import { ALL_CHECKS } from '../../conformance/workload-api/all-checks.ts'
import type { Check } from '../../conformance/workload-api/check.ts'
import { Probe } from '../../conformance/workload-api/probe.ts'
import { runChecks, type SuiteReport } from '../../conformance/workload-api/run-checks.ts'
import { dialEndpoint } from '../../conformance/workload-api/transport/dial.ts'
import type { FakeEndpoint } from './fake-endpoint.ts'

const ANSWER_MS = 2_000

/** Runs checks on a fake endpoint, all of them by default. Its clock moves when a check waits. */
export async function runOn(
  endpoint: FakeEndpoint,
  isSelected: (check: Check) => boolean = () => true,
): Promise<SuiteReport> {
  const { address, anonymous } = await endpoint.listen()
  const { world } = endpoint
  const probe = new Probe({
    address,
    dial: dialEndpoint(address, ANSWER_MS),
    dialWithoutIdentity: dialEndpoint(anonymous, ANSWER_MS),
    patience: { answerMs: ANSWER_MS, promptMs: 300, observeMs: 50, expiryMs: 3_600_000 },
    now: () => world.now,
    sleep: async (milliseconds) => {
      world.now += milliseconds / 1000
    },
  })
  try {
    return await runChecks(ALL_CHECKS, probe, { isSelected, onResult: () => {} })
  } finally {
    await probe.close()
    await endpoint.close()
  }
}
