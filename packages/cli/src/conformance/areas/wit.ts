import type { Area } from '../area.ts'
import { optional, requireNumber, requireString } from '../shape.ts'
import { WIT_CONFIG_KEYS, witVerifierFor } from '../wit-configuration.ts'

/** Workload Identity Tokens, WIT-SVIDs among them: `{ wit }`. */
export const witArea: Area = {
  name: 'wit',
  configKeys: [...WIT_CONFIG_KEYS, 'max_age'],
  ignoredConfigKeys: ['base_url', 'accepted_audiences', 'other_token_headers', 'max_proof_lifetime'],
  inputKeys: ['wit'],
  resultKeys: ['sub'],
  prepare: (testCase) => {
    const { id, config, input, now, expect } = testCase
    const wit = requireString(input['wit'], `${id}: input.wit`)
    const maxAgeSeconds = optional(config['max_age'], `${id}: config.max_age`, requireNumber)
    const verifier = witVerifierFor(testCase, maxAgeSeconds === undefined ? {} : { maxAgeSeconds })
    return [
      {
        expect,
        async verify() {
          const { subject } = await verifier.verify(wit, now ?? 0)
          return { sub: subject.toString() }
        },
      },
    ]
  },
}
