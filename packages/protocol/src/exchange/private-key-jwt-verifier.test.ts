import { encodeToken, expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { clusterKey, findOnly, issuerWith, NAMES, NOW, serviceAccountToken } from '../test-support/exchange-fixtures.ts'
import { InProcessReplayMemory } from '../verification/replay-memory.ts'
import { PrivateKeyJwtVerifier } from './private-key-jwt-verifier.ts'
import type { AssertionPolicy } from './workload-assertion-verifier.ts'

const key = generateSigningKey('ES256', { kid: 'client-1' })
const client = issuerWith(key, { name: 'batch', url: 'batch' })

function assertion(claims: Readonly<Record<string, unknown>> = {}, header: Readonly<Record<string, unknown>> = {}) {
  const content = { iss: 'batch', sub: 'batch', aud: NAMES.issuer, jti: 'one', iat: NOW, exp: NOW + 60, ...claims }
  return encodeToken({ alg: 'ES256', kid: 'client-1', ...header }, content, key)
}

function createVerifier() {
  return new PrivateKeyJwtVerifier({ crypto: nodeCrypto, names: NAMES, replayMemory: new InProcessReplayMemory() })
}

function verify(token: string, policy: AssertionPolicy = {}, verifier = createVerifier()) {
  return verifier.verify(token, findOnly(client), () => policy, NOW)
}

describe('PrivateKeyJwtVerifier', () => {
  it('accepts what a client says of itself', async () => {
    expect(await verify(assertion())).toMatchObject({ subject: 'batch', id: 'one' })
    expect(await verify(assertion({}, { typ: 'client-authentication+jwt' }))).toMatchObject({ subject: 'batch' })
  })

  it.each([
    ['about another', { sub: 'other' }, 'ERR_CREDENTIAL_SUBJECT'],
    ['about nobody', { sub: undefined }, 'ERR_CREDENTIAL_SUBJECT'],
    ['of another', { iss: 'other' }, 'ERR_CREDENTIAL_ISSUER'],
    ['without id', { jti: undefined }, 'ERR_CREDENTIAL_ID'],
    ['with an id that is no text', { jti: 1 }, 'ERR_CREDENTIAL_ID'],
    ['with an endless id', { jti: 'x'.repeat(1025) }, 'ERR_CREDENTIAL_ID'],
    ['for the token endpoint', { aud: NAMES.tokenEndpoint }, 'ERR_CREDENTIAL_AUDIENCE'],
    ['for several', { aud: [NAMES.issuer, NAMES.tokenEndpoint] }, 'ERR_CREDENTIAL_AUDIENCE'],
    ['that has expired', { exp: NOW - 60 }, 'ERR_CREDENTIAL_EXPIRED'],
  ])('refuses one %s', async (_, claims, code) => {
    await expectCode(() => verify(assertion(claims)), code)
  })

  it('refuses another type', async () => {
    await expectCode(() => verify(assertion({}, { typ: 'at+jwt' })), 'ERR_CREDENTIAL_TYPE')
  })

  it('refuses a service account token, which the workload profile accepts', async () => {
    const verifier = createVerifier()
    const attempt = () => verifier.verify(serviceAccountToken(), findOnly(issuerWith(clusterKey)), () => ({}), NOW)
    await expectCode(attempt, 'ERR_CREDENTIAL_SUBJECT')
  })

  it('lets no policy make an assertion good twice', async () => {
    const verifier = createVerifier()
    const policy = { allowsReuse: true }
    await verify(assertion(), policy, verifier)
    await expectCode(() => verify(assertion(), policy, verifier), 'ERR_CREDENTIAL_REPLAYED')
    expect(await verify(assertion({ jti: 'two' }), policy, verifier)).toMatchObject({ id: 'two' })
  })

  it('accepts the token endpoint as audience where the client may', async () => {
    const policy = { allowsTokenEndpointAudience: true }
    expect(await verify(assertion({ aud: NAMES.tokenEndpoint }), policy)).toMatchObject({ subject: 'batch' })
  })
})
