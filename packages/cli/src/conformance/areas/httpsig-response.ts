import { WorkloadId } from '@countersign/protocol'
import type { Area } from '../area.ts'
import { parseHttpRequest, parseHttpResponse } from '../message.ts'
import { optional, requireOneOf, requireString } from '../shape.ts'
import { signatureVerifierFor } from '../signature-configuration.ts'
import { WIT_CONFIG_KEYS } from '../wit-configuration.ts'

/** Responses to a request that was sent: `{ request, response }`. An unsigned one returns no `sub`. */
export const httpsigResponseArea: Area = {
  name: 'httpsig-response',
  configKeys: [...WIT_CONFIG_KEYS, 'max_proof_lifetime', 'response_signing', 'expected_peer'],
  // A client takes responses and answers to nobody.
  ignoredConfigKeys: ['base_url', 'accepted_audiences'],
  inputKeys: ['request', 'response'],
  resultKeys: ['sub'],
  prepare: (testCase) => {
    const { id, config, input, now, expect } = testCase
    const verifier = signatureVerifierFor(testCase, undefined)
    const request = parseHttpRequest(input['request'], `${id}: input.request`)
    const response = parseHttpResponse(input['response'], `${id}: input.response`)
    const signing = optional(config['response_signing'], `${id}: config.response_signing`, (value, place) =>
      requireOneOf(value, ['required', 'optional'], place),
    )
    const peer = optional(config['expected_peer'], `${id}: config.expected_peer`, requireString)
    const expectedPeer = peer === undefined ? undefined : WorkloadId.parse(peer)
    return [
      {
        expect,
        async verify() {
          const verified = await verifier.verifyResponse(response, {
            request,
            expectedPeer,
            required: signing === 'required',
            now: now ?? 0,
          })
          return verified === undefined ? {} : { sub: verified.subject.toString() }
        },
      },
    ]
  },
}
