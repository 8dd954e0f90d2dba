import { ConformanceError } from '../../conformance-error.ts'
import { type Check, hardening, must, should, skip } from '../check.ts'
import type { Probe } from '../probe.ts'
import { AUDIENCE } from '../probe.ts'
import { encodeJwtSvidRequest, type RpcName, rpcPath } from '../rpcs.ts'
import { type Answer, describeAnswer } from '../transport/ending.ts'
import { type CallOptions, type Dial, GrpcConnection } from '../transport/grpc-connection.ts'
import { rpcCheckId } from './rpc.ts'

const SECTIONS = {
  FetchX509SVID: '5.2.1',
  FetchX509Bundles: '5.2.2',
  FetchJWTSVID: '6.2.1',
  FetchJWTBundles: '6.2.2',
  FetchWITSVID: '7.2.1',
  FetchWITBundles: '7.2.2',
} as const

type Name = keyof typeof SECTIONS

const NAMES = Object.keys(SECTIONS) as readonly Name[]
/** Some servers let anyone verify. "Not entitled" is theirs to say. */
const BUNDLES: ReadonlySet<Name> = new Set<Name>(['FetchX509Bundles', 'FetchJWTBundles', 'FetchWITBundles'])

/** What a process without any identity gets. */
export const NO_IDENTITY_CHECKS: readonly Check[] = [
  must('NI-NO-SVID', {
    title: 'a process without an identity is given none',
    section: 'SPIFFE Workload API section 4.1',
    needs: ['RPC-FETCH-X509-SVID', 'RPC-FETCH-JWT-SVID'],
    expected: 'no message of FetchX509SVID, FetchJWTSVID or FetchWITSVID',
    async look(probe) {
      for (const name of ['FetchX509SVID', 'FetchJWTSVID', 'FetchWITSVID'] as const) {
        const answer = await askWithoutIdentity(probe, name)
        if (answer.message !== undefined) return `${name} gave ${describeAnswer(answer)}`
      }
      return undefined
    },
  }),
  ...NAMES.map((name) =>
    should(rpcCheckId(name).replace('RPC-FETCH', 'NI'), {
      title: `${name} denies a process without an identity${BUNDLES.has(name) ? ', or serves bundles to anyone' : ''}`,
      section: `SPIFFE Workload Endpoint section 6; SPIFFE Workload API section ${SECTIONS[name]}`,
      needs: ['NI-NO-SVID', rpcCheckId(name)],
      expected: BUNDLES.has(name) ? 'PERMISSION_DENIED, or a message' : 'PERMISSION_DENIED',
      async look(probe) {
        const answer = await askWithoutIdentity(probe, name)
        if (BUNDLES.has(name) && answer.message !== undefined) return undefined
        return answer.ending?.name === 'PERMISSION_DENIED' ? undefined : describeAnswer(answer)
      },
    }),
  ),
  must('NI-METADATA', {
    title: 'the security header is asked for before the identity',
    section: 'SPIFFE Workload Endpoint section 6',
    needs: ['WE-METADATA-MISSING', 'RPC-FETCH-X509-SVID'],
    expected: 'INVALID_ARGUMENT',
    async look(probe) {
      const answer = await askWithoutIdentity(probe, 'FetchX509SVID', { metadata: [] })
      return answer.ending?.name === 'INVALID_ARGUMENT' ? undefined : describeAnswer(answer)
    },
  }),
  hardening('NI-VALIDATE', {
    title: 'ValidateJWTSVID answers a process without an identity with PERMISSION_DENIED, or as anyone',
    section: 'SPIFFE Workload Endpoint section 6',
    needs: ['RPC-VALIDATE-JWT-SVID'],
    expected: 'PERMISSION_DENIED, or a message',
    async look(probe) {
      const answer = await askWithoutIdentity(probe, 'ValidateJWTSVID')
      return answer.message !== undefined || answer.ending?.name === 'PERMISSION_DENIED'
        ? undefined
        : describeAnswer(answer)
    },
  }),
]

async function askWithoutIdentity(probe: Probe, name: RpcName, options?: CallOptions): Promise<Answer> {
  const { dialWithoutIdentity } = probe.options
  if (typeof dialWithoutIdentity === 'string') return skip(dialWithoutIdentity)
  const request = name === 'FetchJWTSVID' ? encodeJwtSvidRequest([AUDIENCE]) : await probe.goodRequest(name)
  const connection = await openWithoutIdentity(probe, dialWithoutIdentity)
  try {
    return await probe.firstAnswer(name, connection.call(rpcPath(name), request, options))
  } finally {
    connection.close()
  }
}

/** @throws SkipCheck when that process does not get as far as the endpoint: what it would be told is not known */
async function openWithoutIdentity({ patience }: Probe, dial: Dial): Promise<GrpcConnection> {
  try {
    return await GrpcConnection.open(dial, patience.answerMs)
  } catch (error) {
    if (!(error instanceof ConformanceError)) throw error
    return skip(`a process without an identity cannot reach the endpoint: ${error.detail ?? error.message}`)
  }
}
