import { type Check, must, should } from '../check.ts'
import type { Probe } from '../probe.ts'
import { rpcCheckId } from './rpc.ts'

const MAX_HINT_BYTES = 1024

type SvidRpc = 'FetchX509SVID' | 'FetchJWTSVID' | 'FetchWITSVID'

/** The same two rules hold for each kind of SVID. */
export function hintChecks(prefix: string, name: SvidRpc, section: string): readonly Check[] {
  return [
    must(`${prefix}-HINT-UNIQUE`, {
      title: 'no two SVIDs of a response have the same hint',
      section: `SPIFFE Workload API section ${section}`,
      needs: [rpcCheckId(name)],
      expected: 'each hint that is not empty only once',
      async look(probe) {
        const hints = await hintsOf(probe, name)
        const repeated = hints.find((hint, index) => hint !== '' && hints.indexOf(hint) !== index)
        return repeated === undefined ? undefined : `"${repeated.slice(0, 64)}" twice`
      },
    }),
    should(`${prefix}-HINT-LENGTH`, {
      title: `no hint is longer than ${MAX_HINT_BYTES} bytes`,
      section: 'SPIFFE Workload API section 8',
      needs: [rpcCheckId(name)],
      expected: `hints of at most ${MAX_HINT_BYTES} bytes`,
      async look(probe) {
        const longest = Math.max(0, ...(await hintsOf(probe, name)).map((hint) => Buffer.byteLength(hint)))
        return longest > MAX_HINT_BYTES ? `one of ${longest} bytes` : undefined
      },
    }),
  ]
}

async function hintsOf(probe: Probe, name: SvidRpc): Promise<readonly string[]> {
  const { svids } = await probe.state(name)
  return svids.map(({ hint }) => hint)
}
