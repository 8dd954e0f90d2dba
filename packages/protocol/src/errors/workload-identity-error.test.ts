import { describe, expect, it } from 'vitest'
import { EncodingError } from '../encoding/encoding-error.ts'
import { AuthenticityError, errorCode, PolicyError, WorkloadIdentityError } from './workload-identity-error.ts'

describe('WorkloadIdentityError', () => {
  it('carries code, public message, detail and cause apart', () => {
    const cause = new Error('inner')
    const error = new EncodingError('ERR_ENCODING_JSON', 'text is not JSON', { detail: 'for the log', cause })
    expect(error).toMatchObject({
      name: 'EncodingError',
      code: 'ERR_ENCODING_JSON',
      message: 'text is not JSON',
      detail: 'for the log',
      cause,
    })
  })

  it('has neither detail nor cause unless given', () => {
    const error = new PolicyError('ERR_POLICY_DENIED', 'not allowed')
    expect(error.detail).toBe(undefined)
    expect('cause' in error).toBe(false)
  })

  it('keeps "not authentic" and "not allowed" apart', () => {
    expect(new EncodingError('ERR_ENCODING_JSON', 'x')).toBeInstanceOf(AuthenticityError)
    expect(new PolicyError('ERR_POLICY_DENIED', 'x')).not.toBeInstanceOf(AuthenticityError)
    expect(new PolicyError('ERR_POLICY_DENIED', 'x')).toBeInstanceOf(WorkloadIdentityError)
  })
})

describe('errorCode', () => {
  it('knows errors of this system and no others', () => {
    expect(errorCode(new PolicyError('ERR_POLICY_DENIED', 'x'))).toBe('ERR_POLICY_DENIED')
    expect(errorCode(Object.assign(new Error('x'), { code: 'ERR_POLICY_DENIED' }))).toBe(undefined)
    expect(errorCode(undefined)).toBe(undefined)
  })
})
