import { connectWorkloadApi, formatEndpointAddress } from '@countersign/workload-api'
import { type Check, must, should } from '../check.ts'
import type { Probe } from '../probe.ts'
import { rpcPath } from '../rpcs.ts'
import { describeAnswer, safeDetail } from '../transport/ending.ts'

/** What the endpoint is, before any of its content. */
export const ENDPOINT_CHECKS: readonly Check[] = [
  must('WE-NO-TLS', {
    title: 'transport layer security is not required',
    section: 'SPIFFE Workload Endpoint section 3.1',
    expected: 'HTTP/2 settings on a plain connection',
    async look(probe) {
      try {
        await probe.withConnection(async () => {})
        return undefined
      } catch (error) {
        return error instanceof Error ? error.message : String(error)
      }
    },
  }),
  must('WE-NO-CLIENT-CREDENTIALS', {
    title: 'the client is asked for no credentials',
    section: 'SPIFFE Workload Endpoint section 5',
    needs: ['WE-NO-TLS'],
    expected: 'anything but UNAUTHENTICATED',
    async look(probe) {
      const answer = await probe.ask('FetchX509SVID')
      return answer.ending?.name === 'UNAUTHENTICATED' ? describeAnswer(answer) : undefined
    },
  }),
  must('WE-GRPC', {
    title: 'an unmodified gRPC library is served',
    section: 'SPIFFE Workload Endpoint section 3',
    needs: ['RPC-FETCH-X509-SVID'],
    expected: 'a message of FetchX509SVID',
    look: askWithLibrary,
  }),
  should('WE-UNIX-SOCKET', {
    title: 'the endpoint is a Unix domain socket',
    section: 'SPIFFE Workload Endpoint section 3',
    expected: 'a unix:// address',
    look: ({ options }) => (options.address.kind === 'unix' ? undefined : 'a tcp:// address'),
  }),
  must('WE-UNKNOWN-METHOD', {
    title: 'a method that does not exist is not implemented',
    section: 'SPIFFE Workload Endpoint appendix A',
    needs: ['WE-NO-TLS'],
    expected: 'UNIMPLEMENTED',
    look: (probe) => unimplemented(probe, rpcPath('FetchNothing')),
  }),
  must('WE-UNKNOWN-SERVICE', {
    title: 'a service that does not exist is not implemented',
    section: 'SPIFFE Workload Endpoint appendix A',
    needs: ['WE-NO-TLS'],
    expected: 'UNIMPLEMENTED',
    look: (probe) => unimplemented(probe, '/conformance.NoSuchService/FetchX509SVID'),
  }),
]

async function askWithLibrary({ options, patience }: Probe): Promise<string | undefined> {
  const client = connectWorkloadApi({ address: formatEndpointAddress(options.address), timeoutMs: patience.answerMs })
  const signal = AbortSignal.timeout(patience.answerMs)
  try {
    for await (const _ of client.fetchX509Svid(signal)) return undefined
    return 'the stream ended without a message'
  } catch (error) {
    return safeDetail(error instanceof Error ? error.message : String(error))
  } finally {
    client.close()
  }
}

async function unimplemented(probe: Probe, path: string): Promise<string | undefined> {
  const call = (await probe.connection()).call(path, new Uint8Array())
  const answer = await call.next(probe.patience.answerMs)
  call.cancel()
  return answer.ending?.name === 'UNIMPLEMENTED' ? undefined : describeAnswer(answer)
}
