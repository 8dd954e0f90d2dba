import { type Check, must, skip } from '../check.ts'
import type { Probe } from '../probe.ts'
import { decodeResponse, OPTIONAL_RPCS, RPC_NAMES, type RpcName } from '../rpcs.ts'
import { describeAnswer } from '../transport/ending.ts'

/** `FetchX509SVID` becomes `RPC-FETCH-X509-SVID`. */
export function rpcCheckId(name: RpcName): string {
  const words = name.replace(/^(Fetch|Validate)(X509|JWT|WIT)(SVID|Bundles)$/, '$1-$2-$3')
  return `RPC-${words.toUpperCase()}`
}

const SECTIONS: Readonly<Record<RpcName, string>> = {
  FetchX509SVID: '5.2.1',
  FetchX509Bundles: '5.2.2',
  FetchJWTSVID: '6.2.1',
  FetchJWTBundles: '6.2.2',
  ValidateJWTSVID: '6.2.3',
  FetchWITSVID: '7.2.1',
  FetchWITBundles: '7.2.2',
}

/** Every RPC exists and answers with its message. Checks of what an RPC serves need the one of its own. */
export const RPC_CHECKS: readonly Check[] = [
  ...RPC_NAMES.map((name) =>
    must(rpcCheckId(name), {
      title: `${name} answers with its message`,
      section: `SPIFFE Workload API sections 1 and ${SECTIONS[name]}`,
      needs: name === 'ValidateJWTSVID' ? ['JWT-COMPACT'] : ['WE-NO-CLIENT-CREDENTIALS'],
      expected: 'one message that can be decoded, and of a unary RPC the status OK after it',
      look: (probe) => answers(probe, name),
    }),
  ),
  must('WIT-ALL-OR-NOTHING', {
    title: 'a server without the WIT-SVID profile implements neither of its RPCs',
    section: 'SPIFFE Workload API section 7',
    needs: ['WE-NO-CLIENT-CREDENTIALS'],
    expected: 'UNIMPLEMENTED from both RPCs of the profile, or from neither',
    async look(probe) {
      const [svid, bundles] = [await probe.ask('FetchWITSVID'), await probe.ask('FetchWITBundles')]
      const missing = [svid, bundles].filter(({ ending }) => ending?.name === 'UNIMPLEMENTED').length
      if (missing !== 1) return undefined
      return `FetchWITSVID: ${describeAnswer(svid)}; FetchWITBundles: ${describeAnswer(bundles)}`
    },
  }),
]

async function answers(probe: Probe, name: RpcName): Promise<string | undefined> {
  const answer = await probe.ask(name, await probe.goodRequest(name))
  if (answer.ending?.name === 'UNIMPLEMENTED' && OPTIONAL_RPCS.has(name)) {
    return skip('this server does not offer the WIT-SVID profile, which is optional')
  }
  if (answer.message === undefined) return describeAnswer(answer)
  return decodeResponse(name, answer.message) === undefined ? 'a message that cannot be decoded' : undefined
}
