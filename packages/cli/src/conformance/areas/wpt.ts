import { AudiencePolicy, InProcessReplayMemory, RequestVerifier, WptVerifier } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { Area, Step } from '../area.ts'
import { parseRequest } from '../request.ts'
import {
  optional,
  requireArray,
  requireNumber,
  requireObject,
  requireOneOf,
  requireString,
  requireStrings,
} from '../shape.ts'
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
    const { id, input, now, expect } = testCase
    const verifier = requestVerifierFor(testCase)
    const step = (value: unknown, place: string, stepNow: number, stepExpect: Step['expect']): Step => {
      const request = parseRequest(value, place)
      return {
        expect: stepExpect,
        async verify() {
          const { subject } = await verifier.verify(request, stepNow)
          return { sub: subject.toString() }
        },
      }
    }
    if (input['steps'] === undefined) return [step(input['request'], `${id}: input.request`, now ?? 0, expect)]
    return requireArray(input['steps'], `${id}: input.steps`).map((value, index) => {
      const at = (member: string) => `${id}: input.steps[${index}].${member}`
      const fields = requireObject(value, `${id}: input.steps[${index}]`)
      return step(
        fields['request'],
        at('request'),
        optional(fields['now'], at('now'), requireNumber) ?? now ?? 0,
        requireOneOf(fields['expect'], ['accept', 'reject'], at('expect')),
      )
    })
  },
}

function requestVerifierFor(testCase: TestCase): RequestVerifier {
  const { id, config } = testCase
  const at = (key: string) => `${id}: config.${key}`
  const baseUrl = optional(config['base_url'], at('base_url'), requireString)
  const maxLifetimeSeconds = optional(config['max_proof_lifetime'], at('max_proof_lifetime'), requireNumber)
  const otherTokenFields = optional(config['other_token_headers'], at('other_token_headers'), requireStrings)
  return new RequestVerifier({
    wit: witVerifierFor(testCase),
    wpt: new WptVerifier({
      crypto: nodeCrypto,
      audience: new AudiencePolicy({
        baseUrls: baseUrl === undefined ? [] : [baseUrl],
        accepted: optional(config['accepted_audiences'], at('accepted_audiences'), requireStrings) ?? [],
      }),
      replayMemory: new InProcessReplayMemory(),
      clockSkewSeconds: optional(config['clock_skew'], at('clock_skew'), requireNumber) ?? 0,
      ...(maxLifetimeSeconds === undefined ? {} : { maxLifetimeSeconds }),
    }),
    ...(otherTokenFields === undefined ? {} : { otherTokenFields }),
  })
}
