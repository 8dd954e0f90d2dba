import { type Check, hardening, must, SkipCheck } from '../check.ts'
import type { Probe } from '../probe.ts'
import { RPC_NAMES, type RpcName } from '../rpcs.ts'
import { describeAnswer } from '../transport/ending.ts'
import type { HeaderField } from '../transport/header-block.ts'

const NAME = 'workload.spiffe.io'
const SECTION = 'SPIFFE Workload Endpoint sections 3 and 6'
const EXPECTED = 'INVALID_ARGUMENT from every RPC'

/** The security header, which keeps a request forged through somebody's web client from being one. */
export const METADATA_CHECKS: readonly Check[] = [
  must('WE-METADATA-MISSING', {
    title: 'a request without the security header is refused',
    section: SECTION,
    needs: ['WE-NO-CLIENT-CREDENTIALS'],
    expected: EXPECTED,
    look: (probe) => refusedByAll(probe, []),
  }),
  must('WE-METADATA-VALUE', {
    title: 'a security header with another value is refused',
    section: SECTION,
    needs: ['WE-NO-CLIENT-CREDENTIALS'],
    expected: EXPECTED,
    look: (probe) => refusedByAll(probe, [[NAME, 'false']], [[NAME, '']], [[NAME, 'true1']], [[NAME, '1']]),
  }),
  must('WE-METADATA-CASE', {
    title: 'the value of the security header is compared with regard to case',
    section: SECTION,
    needs: ['WE-NO-CLIENT-CREDENTIALS'],
    expected: EXPECTED,
    look: (probe) => refusedByAll(probe, [[NAME, 'True']], [[NAME, 'TRUE']]),
  }),
  must('WE-METADATA-NAME', {
    title: 'a security header under a similar name does not count',
    section: SECTION,
    needs: ['WE-NO-CLIENT-CREDENTIALS'],
    expected: EXPECTED,
    look: (probe) => refusedByAll(probe, [['workload.spiffe', 'true']], [['x-workload.spiffe.io', 'true']]),
  }),
  hardening('WE-METADATA-TWICE', {
    title: 'a security header that contradicts itself is refused',
    section: SECTION,
    needs: ['WE-NO-CLIENT-CREDENTIALS'],
    expected: EXPECTED,
    look: (probe) =>
      refusedByAll(
        probe,
        [
          [NAME, 'true'],
          [NAME, 'false'],
        ],
        [
          [NAME, 'false'],
          [NAME, 'true'],
        ],
      ),
  }),
]

/** Tries each RPC with each set of fields, with a request that would be answered otherwise. */
async function refusedByAll(
  probe: Probe,
  ...variants: readonly (readonly HeaderField[])[]
): Promise<string | undefined> {
  for (const name of RPC_NAMES) {
    const request = await goodRequest(probe, name)
    if (request === undefined) continue
    for (const metadata of variants) {
      const answer = await probe.ask(name, request, { metadata })
      if (isRefusal(answer.ending?.name)) continue
      const sent = metadata.map(([field, value]) => `${field}: ${value}`).join(', ') || 'no security header'
      return `${name} with ${sent}: ${describeAnswer(answer)}`
    }
  }
  return undefined
}

/** `undefined` when none can be made: `ValidateJWTSVID` needs a token. */
async function goodRequest(probe: Probe, name: RpcName): Promise<Uint8Array | undefined> {
  try {
    return await probe.goodRequest(name)
  } catch (error) {
    if (error instanceof SkipCheck) return undefined
    throw error
  }
}

/** Whether an RPC is there is for other checks. */
function isRefusal(ending: string | undefined): boolean {
  return ending === 'INVALID_ARGUMENT' || ending === 'UNIMPLEMENTED'
}
