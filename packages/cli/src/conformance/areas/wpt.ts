import { InProcessReplayMemory, RequestVerifier, WptVerifier } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { Area } from '../area.ts'
import { audienceFor } from '../audience-configuration.ts'
import { parseRequest } from '../request.ts'
import { requestSteps } from '../request-steps.ts'
import { optional, requireNumber, requireStrings } from '../shape.ts'
import type { TestCase } from '../test-case.ts'
import { WIT_CONFIG_KEYS, witVerifierFor } from '../wit-configuration.ts'

/** Requests with a WIT and a Workload Proof Token: `{ request }`, or `{ steps }` over one replay memory. */
export const wptArea: Area = {
  name: 'wpt',
  configKeys: [...WIT_CONFIG_KEYS, 'base_url', 'accepted_audiences', 'other_token_headers', 'max_proof_lifetime'],
  ignoredConfigKeys: [],
  inputKeys: ['request', 'steps'],
  resultKeys: ['sub'],
  prepare: (testCase) => {
    const verifier = requestVerifierFor(testCase)
    return requestSteps(testCase, parseRequest, async (request, now) => {
      const { subject } = await verifier.verify(request, now)
      return { sub: subject.toString() }
    })
  },
}

function requestVerifierFor(testCase: TestCase): RequestVerifier {
  const { id, config } = testCase
  const at = (key: string) => `${id}: config.${key}`
  const maxLifetimeSeconds = optional(config['max_proof_lifetime'], at('max_proof_lifetime'), requireNumber)
  const otherTokenFields = optional(config['other_token_headers'], at('other_token_headers'), requireStrings)
  return new RequestVerifier({
    wit: witVerifierFor(testCase),
    wpt: new WptVerifier({
      crypto: nodeCrypto,
      audience: audienceFor(testCase),
      replayMemory: new InProcessReplayMemory(),
      clockSkewSeconds: optional(config['clock_skew'], at('clock_skew'), requireNumber) ?? 0,
      ...(maxLifetimeSeconds === undefined ? {} : { maxLifetimeSeconds }),
    }),
    ...(otherTokenFields === undefined ? {} : { otherTokenFields }),
  })
}
