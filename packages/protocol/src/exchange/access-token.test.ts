import { decodeToken, expectCode, mutateToken } from '@countersign/testing'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { findOnly, issuerWith, NAMES, NOW } from '../test-support/exchange-fixtures.ts'
import { type AccessTokenContent, AccessTokenIssuer } from './access-token-issuer.ts'
import { AccessTokenVerifier, type AccessTokenVerifierOptions } from './access-token-verifier.ts'

const key = generateSigningKey('ES256', { kid: 'oauth-1' })
const issuer = new AccessTokenIssuer(key, NAMES.issuer)
const self = issuerWith(key, { name: 'self', url: NAMES.issuer })
const THUMBPRINT = nodeCrypto.sha256Base64url('key')
const CONTENT: AccessTokenContent = {
  subject: 'system:serviceaccount:test:default',
  audience: ['https://orders.example'],
  clientId: 'system:serviceaccount:test:default',
  scopes: ['orders.read', 'orders.write'],
  issuedAt: NOW,
  expiresAt: NOW + 300,
  id: 'id-1',
}

const issue = (change: Partial<AccessTokenContent> = {}) => issuer.issue({ ...CONTENT, ...change }) as string
const verify = (token: string, options: Partial<AccessTokenVerifierOptions> = {}, now = NOW) =>
  new AccessTokenVerifier({ crypto: nodeCrypto, ...options }).verify(token, findOnly(self), now)

describe('AccessTokenIssuer', () => {
  it('issues what RFC 9068 asks for', () => {
    const { header, claims } = decodeToken(issue())
    expect(header).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: 'oauth-1' })
    expect(claims).toEqual({
      iss: NAMES.issuer,
      sub: 'system:serviceaccount:test:default',
      aud: 'https://orders.example',
      client_id: 'system:serviceaccount:test:default',
      scope: 'orders.read orders.write',
      iat: NOW,
      exp: NOW + 300,
      jti: 'id-1',
    })
  })

  it('is read by another implementation', async () => {
    const keys = createLocalJWKSet({ keys: [key.publicJwk] })
    const options = {
      issuer: NAMES.issuer,
      audience: 'https://orders.example',
      typ: 'at+jwt',
      currentDate: new Date(NOW * 1000),
    }
    expect((await jwtVerify(issue(), keys, options)).payload.sub).toBe('system:serviceaccount:test:default')
  })

  it('says whom it is bound to, who acts, and what else is handed on', () => {
    const confirmation = { kind: 'jkt', thumbprint: THUMBPRINT } as const
    const token = issue({
      audience: ['a', 'b'],
      scopes: [],
      confirmation,
      actor: { subject: 'gateway' },
      claims: { groups: ['x'] },
    })
    const { claims } = decodeToken(token)
    expect(claims).toMatchObject({ aud: ['a', 'b'], cnf: { jkt: THUMBPRINT }, act: { sub: 'gateway' }, groups: ['x'] })
    expect(claims).not.toHaveProperty('scope')
  })

  it.each([
    ['no audience', { audience: [] }, 'ERR_ISSUANCE_AUDIENCE'],
    ['an empty audience', { audience: ['a', ''] }, 'ERR_ISSUANCE_AUDIENCE'],
    ['no subject', { subject: '' }, 'ERR_ISSUANCE_SUBJECT'],
    ['no client', { clientId: '' }, 'ERR_ISSUANCE_SUBJECT'],
    ['no lifetime', { expiresAt: NOW }, 'ERR_ISSUANCE_LIFETIME'],
    ['an endless lifetime', { expiresAt: Number.POSITIVE_INFINITY }, 'ERR_ISSUANCE_LIFETIME'],
    ['a claim that is its own', { claims: { sub: 'other' } }, 'ERR_ISSUANCE_CLAIM'],
    ['a binding among the claims', { claims: { cnf: {} } }, 'ERR_ISSUANCE_CLAIM'],
  ])('refuses %s', async (_, change, code) => {
    await expectCode(() => issue(change), code)
  })

  it('needs a key with a name', async () => {
    await expectCode(() => new AccessTokenIssuer(generateSigningKey('ES256'), NAMES.issuer), 'ERR_ISSUANCE_KEY_ID')
  })
})

describe('AccessTokenVerifier', () => {
  it('reads all of what the issuer writes', async () => {
    const confirmation = { kind: 'x5t#S256', thumbprint: THUMBPRINT } as const
    const token = await verify(issue({ confirmation, actor: { subject: 'gateway', issuer: 'https://a.example' } }))
    expect(token).toMatchObject({
      subject: CONTENT.subject,
      audience: ['https://orders.example'],
      clientId: CONTENT.clientId,
      scopes: ['orders.read', 'orders.write'],
      issuedAt: NOW,
      expiresAt: NOW + 300,
      id: 'id-1',
      confirmation,
      actor: { subject: 'gateway', issuer: 'https://a.example' },
    })
    expect((await verify(issue({ scopes: [] }))).scopes).toEqual([])
  })

  it.each([
    ['is a plain JWT', { header: { typ: 'JWT' } }, 'ERR_CREDENTIAL_TYPE'],
    ['is a WIT', { header: { typ: 'wit+jwt' } }, 'ERR_CREDENTIAL_TYPE'],
    ['has no type', { header: { typ: undefined } }, 'ERR_CREDENTIAL_TYPE'],
    ['has no subject', { claims: { sub: undefined } }, 'ERR_CREDENTIAL_SUBJECT'],
    ['has no audience', { claims: { aud: undefined } }, 'ERR_CREDENTIAL_AUDIENCE'],
    ['has an empty audience', { claims: { aud: [] } }, 'ERR_CREDENTIAL_AUDIENCE'],
    ['has an audience that is no text', { claims: { aud: [1] } }, 'ERR_CREDENTIAL_AUDIENCE'],
    ['has no client', { claims: { client_id: undefined } }, 'ERR_CREDENTIAL_MALFORMED'],
    ['has no id', { claims: { jti: undefined } }, 'ERR_CREDENTIAL_ID'],
    ['has no time of issue', { claims: { iat: undefined } }, 'ERR_CREDENTIAL_MALFORMED'],
    ['has a scope that is no list', { claims: { scope: 'a  b' } }, 'ERR_CREDENTIAL_MALFORMED'],
    ['has a binding nobody knows', { claims: { cnf: { kid: 'x' } } }, 'ERR_CREDENTIAL_CONFIRMATION'],
    ['has an actor without a name', { claims: { act: {} } }, 'ERR_CREDENTIAL_ACTOR'],
    ['lets nobody act', { claims: { may_act: {} } }, 'ERR_CREDENTIAL_ACTOR'],
    ['has expired', { claims: { exp: NOW - 30 } }, 'ERR_CREDENTIAL_EXPIRED'],
    ['is of another issuer', { claims: { iss: 'https://other.example' } }, 'ERR_CREDENTIAL_ISSUER'],
  ])('refuses a token that %s', async (_, change, code) => {
    await expectCode(() => verify(mutateToken(issue(), { ...change, key })), code)
  })

  describe('of an issuer whose tokens say less', () => {
    const keycloak = { client_id: undefined, typ: 'Bearer', azp: 'portal', scope: 'a b' }
    const untyped = (claims: object = {}, header: Record<string, unknown> = { typ: 'JWT' }) =>
      mutateToken(issue({ confirmation: undefined }), { header, claims: { ...keycloak, ...claims }, key })
    const verifyUntyped = (token: string, accepts = true) =>
      new AccessTokenVerifier({ crypto: nodeCrypto }).verify(token, findOnly(self), NOW, () => accepts)

    it('takes one that says by its claims what it is, where that is allowed', async () => {
      expect(await verifyUntyped(untyped())).toMatchObject({ clientId: 'portal', scopes: ['a', 'b'] })
      expect(await verifyUntyped(untyped({}, { typ: undefined }))).toMatchObject({ clientId: 'portal' })
      const bound = { typ: 'DPoP', cnf: { jkt: 'A'.repeat(43) } }
      expect(await verifyUntyped(untyped(bound))).toMatchObject({ confirmation: { kind: 'jkt' } })
      await expectCode(async () => verifyUntyped(untyped(), false), 'ERR_CREDENTIAL_TYPE')
    })

    it('takes none of another type that says so', async () => {
      for (const typ of ['wit+jwt', 'txntoken+jwt', 'logout+jwt', 'dpop+jwt']) {
        await expectCode(async () => verifyUntyped(untyped({}, { typ })), 'ERR_CREDENTIAL_TYPE')
      }
    })

    it.each<[string, object, string]>([
      ['is an ID token', { typ: 'ID' }, 'ERR_CREDENTIAL_TYPE'],
      ['is a refresh token', { typ: 'Refresh' }, 'ERR_CREDENTIAL_TYPE'],
      ['does not say what it is', { typ: undefined }, 'ERR_CREDENTIAL_TYPE'],
      ['has a nonce', { nonce: 'n' }, 'ERR_CREDENTIAL_TYPE'],
      ['has the hash of an access token', { at_hash: 'h' }, 'ERR_CREDENTIAL_TYPE'],
      ['has the hash of a code', { c_hash: 'h' }, 'ERR_CREDENTIAL_TYPE'],
      ['is of a logout', { events: {} }, 'ERR_CREDENTIAL_TYPE'],
      ['is of a transaction', { txn: 't' }, 'ERR_CREDENTIAL_TYPE'],
      ['has no scope', { scope: undefined }, 'ERR_CREDENTIAL_TYPE'],
      ['is bound and says Bearer', { cnf: { jkt: 'A'.repeat(43) } }, 'ERR_CREDENTIAL_TYPE'],
      ['is not bound and says DPoP', { typ: 'DPoP' }, 'ERR_CREDENTIAL_TYPE'],
      ['was given to nobody', { azp: undefined }, 'ERR_CREDENTIAL_MALFORMED'],
      ['was given to two', { client_id: 'other' }, 'ERR_CREDENTIAL_MALFORMED'],
      ['has no id', { jti: undefined }, 'ERR_CREDENTIAL_ID'],
    ])('refuses one that %s', async (_, claims, code) => {
      await expectCode(async () => verifyUntyped(untyped(claims)), code)
    })
  })

  it('holds the chain of actors to the length it was told', async () => {
    const token = issue({ actor: { subject: 'b', previous: { subject: 'a' } } })
    await expectCode(() => verify(token, { maxActors: 1 }), 'ERR_CREDENTIAL_ACTOR')
  })

  it('refuses a signature of another key', async () => {
    const other = generateSigningKey('ES256', { kid: 'oauth-1' })
    await expectCode(() => verify(mutateToken(issue(), { key: other })), 'ERR_CREDENTIAL_SIGNATURE')
  })
})
