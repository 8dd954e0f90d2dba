import { expectCode, FakeIssuer } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { TrustedKeys } from '../bundle/trusted-keys.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import {
  CLUSTER_URL,
  clusterKey,
  findOnly,
  issuerWith,
  NAMES,
  NOW,
  serviceAccountToken,
} from '../test-support/exchange-fixtures.ts'
import { InProcessReplayMemory, type ReplayMemory } from '../verification/replay-memory.ts'
import type { TrustedIssuer } from './trusted-issuer.ts'
import { type AssertionPolicy, WorkloadAssertionVerifier } from './workload-assertion-verifier.ts'

const cluster = issuerWith(clusterKey)

function createVerifier(replayMemory: ReplayMemory) {
  return new WorkloadAssertionVerifier({ crypto: nodeCrypto, names: NAMES, replayMemory })
}

function verify(assertion: string, policy: AssertionPolicy = {}, issuer: TrustedIssuer = cluster, now = NOW) {
  const verifier = createVerifier(new InProcessReplayMemory())
  return verifier.verify(assertion, findOnly(issuer), () => policy, now)
}

const refuse = (token: string, code: string, policy?: AssertionPolicy) => expectCode(() => verify(token, policy), code)

describe('WorkloadAssertionVerifier', () => {
  it('accepts a service account token: no typ, no jti, and an issuer that is not its subject', async () => {
    const { subject, issuer, id, times } = await verify(serviceAccountToken())
    expect({ subject, name: issuer.name, id }).toEqual({
      subject: 'system:serviceaccount:test:default',
      name: 'cluster',
      id: undefined,
    })
    expect(times).toEqual({ expiresAt: NOW + 3600, issuedAt: NOW, notBefore: NOW })
  })

  it.each([
    ['one text as audience', { aud: NAMES.issuer }, {}],
    ['the type for client authentication', {}, { typ: 'client-authentication+jwt' }],
    ['that type in full', {}, { typ: 'application/client-authentication+jwt' }],
    ['a type that says nothing', {}, { typ: 'JWT' }],
    ['an id', { jti: 'once' }, {}],
  ])('accepts %s', async (_, claims, header) => {
    expect((await verify(serviceAccountToken(claims, header))).subject).toContain('test:default')
  })

  it.each([
    ['for the token endpoint', { aud: NAMES.tokenEndpoint }, 'ERR_CREDENTIAL_AUDIENCE'],
    ['for the issuer and another', { aud: [NAMES.issuer, 'https://other.example'] }, 'ERR_CREDENTIAL_AUDIENCE'],
    ['for another and the issuer', { aud: ['https://other.example', NAMES.issuer] }, 'ERR_CREDENTIAL_AUDIENCE'],
    ['for the issuer spelled otherwise', { aud: `${NAMES.issuer}/` }, 'ERR_CREDENTIAL_AUDIENCE'],
    ['for nobody', { aud: [] }, 'ERR_CREDENTIAL_AUDIENCE'],
    ['without audience', { aud: undefined }, 'ERR_CREDENTIAL_AUDIENCE'],
    ['about nobody', { sub: undefined }, 'ERR_CREDENTIAL_SUBJECT'],
    ['about an empty name', { sub: '' }, 'ERR_CREDENTIAL_SUBJECT'],
    ['without issuer', { iss: undefined }, 'ERR_CREDENTIAL_ISSUER'],
    ['of an issuer that is not configured', { iss: 'https://evil.example' }, 'ERR_CREDENTIAL_ISSUER'],
    ['that has expired', { exp: NOW - 31 }, 'ERR_CREDENTIAL_EXPIRED'],
    ['that never expires', { exp: undefined }, 'ERR_CREDENTIAL_MALFORMED'],
    ['that is not valid yet', { nbf: NOW + 31 }, 'ERR_CREDENTIAL_NOT_YET_VALID'],
    ['with an id that is no text', { jti: 1 }, 'ERR_CREDENTIAL_ID'],
    ['with an empty id', { jti: '' }, 'ERR_CREDENTIAL_ID'],
    ['with an endless id', { jti: 'x'.repeat(1025) }, 'ERR_CREDENTIAL_ID'],
    ['that is an ID token of a login', { nonce: 'n' }, 'ERR_CREDENTIAL_TYPE'],
    ['that is an ID token with a code', { c_hash: 'n' }, 'ERR_CREDENTIAL_TYPE'],
    ['that is an access token', { scope: 'openid' }, 'ERR_CREDENTIAL_TYPE'],
    ['that is a refresh token, as Keycloak says it', { typ: 'Refresh' }, 'ERR_CREDENTIAL_TYPE'],
    ['that is bound to a key', { cnf: { jkt: 'x' } }, 'ERR_CREDENTIAL_TYPE'],
    ['that is a transaction token', { txn: 't' }, 'ERR_CREDENTIAL_TYPE'],
    ['that is a logout token', { events: {} }, 'ERR_CREDENTIAL_TYPE'],
  ])('refuses a token %s', async (_, claims, code) => {
    await refuse(serviceAccountToken(claims), code)
  })

  it.each(['at+jwt', 'wit+jwt', 'dpop+jwt', 'txntoken+jwt', 'authorization-grant+jwt', 'logout+jwt', 'JOSE'])(
    'refuses a token of type %s',
    async (typ) => {
      await refuse(serviceAccountToken({}, { typ }), 'ERR_CREDENTIAL_TYPE')
    },
  )

  it('accepts the token endpoint as audience where the issuer may, and still no second one', async () => {
    const policy = { allowsTokenEndpointAudience: true }
    await verify(serviceAccountToken({ aud: [NAMES.tokenEndpoint] }), policy)
    await verify(serviceAccountToken(), policy)
    await refuse(serviceAccountToken({ aud: [NAMES.issuer, NAMES.tokenEndpoint] }), 'ERR_CREDENTIAL_AUDIENCE', policy)
    await refuse(serviceAccountToken({ aud: 'https://other.example' }), 'ERR_CREDENTIAL_AUDIENCE', policy)
  })

  it('judges times as the issuer may', async () => {
    await refuse(serviceAccountToken(), 'ERR_CREDENTIAL_LIFETIME', { maxLifetimeSeconds: 600 })
    await refuse(serviceAccountToken({ exp: NOW }), 'ERR_CREDENTIAL_EXPIRED', { clockSkewSeconds: 0 })
  })

  it('refuses a signature of another key, a key that is not known, and other algorithms', async () => {
    const other = generateSigningKey('RS256', { kid: 'cluster-1' })
    await refuse(serviceAccountToken({}, {}, other), 'ERR_CREDENTIAL_SIGNATURE')
    await refuse(serviceAccountToken({}, { kid: 'cluster-2' }), 'ERR_CREDENTIAL_KEY_UNKNOWN')
    await refuse(serviceAccountToken({}, { alg: 'none' }), 'ERR_CREDENTIAL_ALGORITHM')
    await refuse(serviceAccountToken({}, { alg: 'HS256' }), 'ERR_CREDENTIAL_ALGORITHM')
    await refuse(serviceAccountToken({}, { alg: 'ES256' }), 'ERR_CREDENTIAL_KEY_UNKNOWN')
    const onlyEs256 = issuerWith(clusterKey, { algorithms: ['ES256'] })
    await expectCode(() => verify(serviceAccountToken(), {}, onlyEs256), 'ERR_CREDENTIAL_ALGORITHM')
  })

  it('takes no key from the token', async () => {
    const evil = generateSigningKey('ES256', { kid: 'evil' })
    const header = { jwk: evil.publicJwk, jku: 'https://evil.example/keys', alg: 'ES256' }
    await refuse(serviceAccountToken({}, header, evil), 'ERR_CREDENTIAL_KEY_UNKNOWN')
  })

  it('refuses what an issuer signed that was found by the name of its key', async () => {
    const finder = () => issuerWith(clusterKey, { url: 'https://other-cluster.example' })
    const verifier = createVerifier(new InProcessReplayMemory())
    await expectCode(() => verifier.verify(serviceAccountToken(), finder, () => ({}), NOW), 'ERR_CREDENTIAL_ISSUER')
  })

  it('refuses WITs and JWT-SVIDs of a workload', async () => {
    const domain = new FakeIssuer()
    const wit = domain.workload('/a').wit(NOW)
    await refuse(wit, 'ERR_CREDENTIAL_TYPE')
    await refuse(domain.jwtSvid('/a', [NAMES.issuer], NOW), 'ERR_CREDENTIAL_ISSUER')
  })

  describe('uses an assertion once', () => {
    it.each([
      ['by its id', { jti: 'once' }],
      ['by what is in it, without an id', {}],
    ])('%s', async (_, claims) => {
      const verifier = createVerifier(new InProcessReplayMemory())
      const again = (token: string) => verifier.verify(token, findOnly(cluster), () => ({}), NOW)
      const token = serviceAccountToken(claims)
      await again(token)
      await expectCode(() => again(token), 'ERR_CREDENTIAL_REPLAYED')
      await again(serviceAccountToken({ ...claims, jti: 'another' }))
    })

    it('also with another signature over the same content', async () => {
      const key = generateSigningKey('ES256', { kid: 'cluster-1' })
      const issuer = issuerWith(key)
      const verifier = createVerifier(new InProcessReplayMemory())
      const again = () => verifier.verify(serviceAccountToken({}, {}, key), findOnly(issuer), () => ({}), NOW)
      await again()
      await expectCode(again, 'ERR_CREDENTIAL_REPLAYED')
    })

    it('unless the issuer may have it come again', async () => {
      const verifier = createVerifier(new InProcessReplayMemory())
      const token = serviceAccountToken({ jti: 'mounted' })
      const again = () => verifier.verify(token, findOnly(cluster), () => ({ allowsReuse: true }), NOW)
      await again()
      expect((await again()).id).toBe('mounted')
    })

    it('and keeps ids of issuers apart', async () => {
      const verifier = createVerifier(new InProcessReplayMemory())
      const token = serviceAccountToken({ jti: 'once' })
      await verifier.verify(token, findOnly(cluster), () => ({}), NOW)
      await verifier.verify(token, findOnly(issuerWith(clusterKey, { name: 'other' })), () => ({}), NOW)
    })

    it.each([
      ['full', 'ERR_CREDENTIAL_REPLAY_MEMORY_FULL'],
      ['away', 'ERR_CREDENTIAL_REPLAY_MEMORY_AWAY'],
      ['forgotten', 'ERR_CREDENTIAL_REPLAYED'],
    ] as const)('and refuses when the memory is %s', async (answer, code) => {
      const verifier = createVerifier({ remember: () => answer })
      await expectCode(() => verifier.verify(serviceAccountToken(), findOnly(cluster), () => ({}), NOW), code)
    })

    it.each<[string, object, object, number]>([
      ['when it was issued', { iat: NOW - 5, nbf: undefined }, {}, NOW - 35],
      ['from when on it is valid', { iat: NOW - 50, nbf: NOW - 5 }, { clockSkewSeconds: 10 }, NOW - 15],
      [
        'when it ends, and how long it can live',
        { iat: undefined, nbf: undefined },
        { maxLifetimeSeconds: 60 },
        NOW - 30,
      ],
    ])('and tells the memory since when it can have been used, by %s', async (_, claims, policy, expected) => {
      const told: unknown[] = []
      const verifier = createVerifier({
        remember(...use) {
          told.push(use[4])
          return 'fresh'
        },
      })
      const token = serviceAccountToken({ exp: NOW + 60, ...claims })
      await verifier.verify(token, findOnly(cluster), () => policy, NOW)
      expect(told).toEqual([expected])
    })

    it('and only where something tells its age: any could be one that was used and forgotten', async () => {
      const ageless = serviceAccountToken({ iat: undefined, nbf: undefined })
      await refuse(ageless, 'ERR_CREDENTIAL_LIFETIME')
      expect((await verify(ageless, { maxLifetimeSeconds: 3600 })).id).toBeUndefined()
      expect((await verify(ageless, { allowsReuse: true })).id).toBeUndefined()
    })

    it('does not spend one that is refused', async () => {
      const verifier = createVerifier(new InProcessReplayMemory())
      const find = findOnly(cluster)
      await expectCode(
        () => verifier.verify(serviceAccountToken({ jti: 'x', aud: 'other' }), find, () => ({}), NOW),
        'ERR_CREDENTIAL_AUDIENCE',
      )
      await verifier.verify(serviceAccountToken({ jti: 'x' }), find, () => ({}), NOW)
    })
  })

  describe('with an issuer whose keys change', () => {
    const next = generateSigningKey('RS256', { kid: 'cluster-2' })
    const token = serviceAccountToken({}, {}, next)

    it('asks for a key it does not know, and takes it', async () => {
      let keys = new TrustedKeys([clusterKey.publicJwk], nodeCrypto)
      let asked = 0
      const issuer: TrustedIssuer = {
        name: 'cluster',
        url: CLUSTER_URL,
        get keys() {
          return keys
        },
        async refreshKeys() {
          asked++
          keys = new TrustedKeys([next.publicJwk], nodeCrypto)
        },
      }
      expect((await verify(token, {}, issuer)).header.kid).toBe('cluster-2')
      expect(asked).toBe(1)
    })

    it('refuses when nothing came of it', async () => {
      const issuer = issuerWith(clusterKey, { refreshKeys: () => undefined })
      const error = await expectCode(() => verify(token, {}, issuer), 'ERR_CREDENTIAL_KEY_UNKNOWN')
      expect(error.message).toBe('no trusted key of the issuer has this name and type')
    })
  })
})
