import { setTimeout as sleep } from 'node:timers/promises'
import type { EndpointAddress } from '@countersign/workload-api'
import { ConformanceError } from '../conformance-error.ts'
import { ALL_CHECKS } from './all-checks.ts'
import { type Patience, Probe, type ProbeOptions } from './probe.ts'
import { type CheckReport, runChecks, type SuiteReport } from './run-checks.ts'
import { selectChecks } from './select-checks.ts'
import { dialEndpoint } from './transport/dial.ts'
import { dialAsUser } from './transport/dial-as-user.ts'

export interface SuiteOptions {
  readonly address: EndpointAddress
  /** Patterns of ids; none selects all. */
  readonly only: readonly string[]
  /** A user without an identity. */
  readonly withoutIdentityUid?: number
  readonly patience: Patience
  /** Epoch seconds. */
  readonly now: () => number
  readonly onResult: (report: CheckReport, done: number, of: number) => void
}

/**
 * Runs the suite against an endpoint.
 *
 * @throws CliError `ERR_CLI_USAGE` when nothing is selected
 * @throws ConformanceError `ERR_CONFORMANCE_UNREACHABLE`, `ERR_CONFORMANCE_NO_IDENTITY` when there is nothing to test
 */
export async function runSuite(options: SuiteOptions): Promise<SuiteReport> {
  const { address, only, patience, now, onResult } = options
  const selected = selectChecks(ALL_CHECKS, only)
  const probe = new Probe({
    address,
    dial: dialEndpoint(address, patience.answerMs),
    dialWithoutIdentity: dialWithoutIdentity(options),
    patience,
    now,
    sleep: async (milliseconds) => {
      await sleep(milliseconds)
    },
  })
  try {
    await requireIdentity(probe)
    return await runChecks(ALL_CHECKS, probe, { isSelected: (check) => selected.has(check), onResult })
  } finally {
    await probe.close()
  }
}

/**
 * Nearly every requirement is about what an identity's owner is served. Any other answer than a denial is for the checks to
 * judge, so the run goes on.
 *
 * @throws ConformanceError
 */
export async function requireIdentity(probe: Probe): Promise<void> {
  const connection = await probe.options.dial()
  connection.destroy()
  const answer = await probe.ask('FetchX509SVID').catch(() => undefined)
  if (answer?.ending?.name !== 'PERMISSION_DENIED') return
  throw new ConformanceError('ERR_CONFORMANCE_NO_IDENTITY', 'endpoint has no identity for this process', {
    detail: answer.ending.detail,
  })
}

function dialWithoutIdentity({
  withoutIdentityUid,
  address,
  patience,
}: SuiteOptions): ProbeOptions['dialWithoutIdentity'] {
  if (withoutIdentityUid === undefined) return '--without-identity-uid names no user without an identity'
  if (process.getuid?.() !== 0) return 'only root can start a process of another user'
  return dialAsUser(address, withoutIdentityUid, patience.answerMs)
}
