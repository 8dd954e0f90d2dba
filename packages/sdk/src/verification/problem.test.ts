import { CredentialError, PolicyError, ProofError, RequestError, SignatureError } from '@countersign/protocol'
import { EndpointError } from '@countersign/workload-api'
import { describe, expect, it } from 'vitest'
import { SdkError } from '../sdk-error.ts'
import { BearerTokenError } from './bearer-token-error.ts'
import { answerTo, problemOf } from './problem.ts'

const context = { detail: 'spiffe://shop.example/secret', cause: new Error('secret') }

describe('problemOf', () => {
  it.each([
    [new CredentialError('ERR_CREDENTIAL_MISSING', 'no token', context), 400],
    [new CredentialError('ERR_CREDENTIAL_EXPIRED', 'expired', context), 400],
    [new ProofError('ERR_PROOF_REPLAYED', 'used before', context), 400],
    [new RequestError('ERR_REQUEST_HEADERS_TOO_LARGE', 'too large', context), 400],
    [new ProofError('ERR_PROOF_REPLAY_MEMORY_FULL', 'too many', context), 503],
    [new ProofError('ERR_PROOF_REPLAY_MEMORY_AWAY', 'away', context), 503],
    [new SignatureError('ERR_SIGNATURE_REPLAY_MEMORY_AWAY', 'away', context), 503],
    [new SignatureError('ERR_SIGNATURE_REPLAY_MEMORY_FULL', 'too many', context), 503],
    [new SignatureError('ERR_SIGNATURE_INVALID', 'wrong', context), 400],
    [new RequestError('ERR_REQUEST_BODY_TOO_LARGE', 'too large', context), 413],
    [new BearerTokenError(new CredentialError('ERR_CREDENTIAL_EXPIRED', 'expired', context)), 401],
    [new SdkError('ERR_SDK_RESPONSE_NOT_SIGNED', 'streamed', context), 501],
    [new PolicyError('ERR_POLICY_DENIED', 'may not', context), 403],
  ])('tells %s as %i, and of it no more than code and message', (error, status) => {
    expect(problemOf(error)).toEqual({
      type: `urn:countersign:error:${error.code}`,
      title: error.message,
      status,
      code: error.code,
    })
  })

  it.each([
    ['a failure of this program', new SdkError('ERR_SDK_CLOSED', 'closed')],
    ['an error of another area', new EndpointError('ERR_ENDPOINT_MISSING', 'missing')],
    ['a foreign error', new Error('secret')],
    ['something that looks like one of ours', { code: 'ERR_POLICY_DENIED', message: 'may not', status: 200 }],
    ['nothing', undefined],
  ])('has nothing to say about %s', (_name, error) => {
    expect(problemOf(error)).toBe(undefined)
    expect(answerTo(error)).toEqual({
      type: 'about:blank',
      title: 'Internal Server Error',
      status: 500,
      code: 'ERR_INTERNAL',
    })
  })
})
