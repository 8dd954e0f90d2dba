import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { HeaderMemo } from '../jws/jws-header.ts'
import { decodeCredential, parseSubject, requireCredentialAlgorithm } from './decode-credential.ts'

describe('decodeCredential', () => {
  it('gives refusals the codes of a credential and keeps why', async () => {
    const memo = new HeaderMemo()
    const malformed = await expectCode(() => decodeCredential('a.b', memo), 'ERR_CREDENTIAL_MALFORMED')
    expect(malformed.cause).toMatchObject({ code: 'ERR_JWS_MALFORMED' })
    const detailed = await expectCode(() => decodeCredential('a.b.c', memo), 'ERR_CREDENTIAL_MALFORMED')
    expect(detailed.detail).toBe('base64url text has an impossible length')
    await expectCode(() => decodeCredential('a'.repeat(16_385), memo), 'ERR_CREDENTIAL_TOO_LARGE')
  })
})

describe('requireCredentialAlgorithm', () => {
  it('allows what is allowed and known', async () => {
    expect(requireCredentialAlgorithm('ES256', ['ES256'])).toBe('ES256')
    await expectCode(() => requireCredentialAlgorithm('ES384', ['ES256']), 'ERR_CREDENTIAL_ALGORITHM')
    await expectCode(() => requireCredentialAlgorithm('ES256', []), 'ERR_CREDENTIAL_ALGORITHM')
    const careless = ['none', 'HS256'] as unknown as ['ES256']
    await expectCode(() => requireCredentialAlgorithm('none', careless), 'ERR_CREDENTIAL_ALGORITHM')
    await expectCode(() => requireCredentialAlgorithm('HS256', careless), 'ERR_CREDENTIAL_ALGORITHM')
  })
})

describe('parseSubject', () => {
  it('says in the log which rule of identifiers was broken', async () => {
    const error = await expectCode(() => parseSubject('spiffe://example.org/a?b'), 'ERR_CREDENTIAL_SUBJECT')
    expect(error.detail).toBe('ERR_IDENTIFIER_QUERY: identifier has a query')
  })
})
