import type { Area } from '../area.ts'
import { audienceFor } from '../audience-configuration.ts'
import { parseHttpRequest } from '../message.ts'
import { requestSteps } from '../request-steps.ts'
import { signatureVerifierFor } from '../signature-configuration.ts'
import { WIT_CONFIG_KEYS } from '../wit-configuration.ts'

/** Signed requests: `{ request }`, or `{ steps }` over one replay memory. */
export const httpsigRequestArea: Area = {
  name: 'httpsig-request',
  configKeys: [...WIT_CONFIG_KEYS, 'base_url', 'accepted_audiences', 'other_token_headers', 'max_proof_lifetime'],
  ignoredConfigKeys: [],
  inputKeys: ['request', 'steps'],
  resultKeys: ['sub'],
  prepare: (testCase) => {
    const verifier = signatureVerifierFor(testCase, audienceFor(testCase))
    return requestSteps(testCase, parseHttpRequest, async (request, now) => {
      const { subject } = await verifier.verifyRequest(request, now)
      return { sub: subject.toString() }
    })
  },
}
