import { describe, expect, it } from 'vitest'
import { OAuthError } from './oauth-error.ts'

describe('OAuthError', () => {
  it.each([
    ['ERR_OAUTH_INVALID_CLIENT', 'invalid_client', 401],
    ['ERR_OAUTH_INVALID_REQUEST', 'invalid_request', 400],
    ['ERR_OAUTH_USE_DPOP_NONCE', 'use_dpop_nonce', 400],
    ['ERR_OAUTH_TEMPORARILY_UNAVAILABLE', 'temporarily_unavailable', 503],
    ['ERR_OAUTH_SERVER_ERROR', 'server_error', 500],
  ] as const)('%s is answered as %s with %i', (code, error, status) => {
    expect(new OAuthError(code, 'no')).toMatchObject({ error, status })
  })

  it('describes itself in the characters that error_description may have', () => {
    const { description } = new OAuthError('ERR_OAUTH_INVALID_REQUEST', 'parameter "scope" \\ is ünfit\n')
    expect(description).toBe("parameter 'scope' ? is ?nfit?")
  })
})
