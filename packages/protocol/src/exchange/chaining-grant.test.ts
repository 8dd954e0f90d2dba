import { decodeToken, expectCode, mutateToken } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { TrustedKeys } from '../bundle/trusted-keys.ts'
import { jwkThumbprint } from '../keys/thumbprint.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { findOnly, issuerWith, NAMES, NOW } from '../test-support/exchange-fixtures.ts'
import { InProcessReplayMemory, type ReplayMemory } from '../verification/replay-memory.ts'
import { type ChainingGrantContent, ChainingGrantIssuer } from './chaining-grant-issuer.ts'
import { ChainingGrantVerifier, type GrantPolicy } from './chaining-grant-verifier.ts'

const A = 'https://as.a.example'
const key = generateSigningKey('ES256', { kid: 'a-1' })
const issuer = new ChainingGrantIssuer(key, A)
const domainA = issuerWith(key, { name: 'a', url: A })
const THUMBPRINT = nodeCrypto.sha256Base64url('key')
const SECRET = { ...key.publicJwk, d: THUMBPRINT }
const CONTENT: ChainingGrantContent = {
  subject: 'alice',
  audience: NAMES.issuer,
  scopes: ['orders.read'],
  issuedAt: NOW,
  expiresAt: NOW + 60,
  id: 'id-1',
}

const issue = (change: Partial<ChainingGrantContent> = {}) => issuer.issue({ ...CONTENT, ...change }) as string
const mutate = (change: { header?: object; claims?: object }) => mutateToken(issue(), { ...change, key } as never)

function verifierWith(policy: GrantPolicy = {}, now = NOW) {
  const verifier = new ChainingGrantVerifier({
    crypto: nodeCrypto,
    names: NAMES,
    replayMemory: new InProcessReplayMemory(),
  })
  return (token: string) => verifier.verify(token, findOnly(domainA), () => policy, now)
}

describe('ChainingGrantIssuer', () => {
  it('says that it is a grant, for whom, and nothing that it was not told to', () => {
    const { header, claims } = decodeToken(issue())
    expect(header).toEqual({ alg: 'ES256', typ: 'authorization-grant+jwt', kid: 'a-1' })
    expect(claims).toEqual({
      iss: A,
      sub: 'alice',
      aud: NAMES.issuer,
      scope: 'orders.read',
      iat: NOW,
      exp: NOW + 60,
      jti: 'id-1',
    })
  })

  it.each([
    ['no subject', { subject: '' }, 'ERR_ISSUANCE_SUBJECT'],
    ['no audience', { audience: '' }, 'ERR_ISSUANCE_AUDIENCE'],
    ['itself as audience', { audience: A }, 'ERR_ISSUANCE_AUDIENCE'],
    ['no lifetime', { expiresAt: NOW }, 'ERR_ISSUANCE_LIFETIME'],
    ['an endless lifetime', { expiresAt: Number.POSITIVE_INFINITY }, 'ERR_ISSUANCE_LIFETIME'],
    ['a claim that is its own', { claims: { sub: 'other' } }, 'ERR_ISSUANCE_CLAIM'],
    ['a binding among the claims', { claims: { requested_cnf: {} } }, 'ERR_ISSUANCE_CLAIM'],
  ])('refuses %s', async (_, change, code) => {
    await expectCode(() => issue(change), code)
  })

  it('needs a key with a name', async () => {
    await expectCode(() => new ChainingGrantIssuer(generateSigningKey('ES256'), A), 'ERR_ISSUANCE_KEY_ID')
  })
})

describe('ChainingGrantVerifier', () => {
  it('reads all of what the issuer writes, and says whose names the actors have', async () => {
    const requestedConfirmation = { kind: 'jkt', thumbprint: THUMBPRINT } as const
    const actor = { subject: 'gateway', previous: { subject: 'robot', issuer: 'https://as.c.example' } }
    const grant = await verifierWith()(issue({ requestedConfirmation, actor, claims: { groups: ['staff'] } }))
    expect(grant).toMatchObject({
      subject: 'alice',
      audience: [NAMES.issuer],
      id: 'id-1',
      scopes: ['orders.read'],
      requestedConfirmation,
      actor: { subject: 'gateway', issuer: A, previous: { subject: 'robot', issuer: 'https://as.c.example' } },
      claims: { groups: ['staff'] },
    })
    expect((await verifierWith()(issue({ scopes: [] }))).scopes).toBeUndefined()
  })

  it('reads a whole key that is asked for as its thumbprint, which is what the new token says', async () => {
    const { requestedConfirmation } = await verifierWith()(
      mutate({ claims: { requested_cnf: { jwk: key.publicJwk } } }),
    )
    const thumbprint = await jwkThumbprint(key.publicJwk, nodeCrypto)
    expect(requestedConfirmation).toEqual({ kind: 'jkt', thumbprint })
  })

  it('spends no grant whose key it cannot read', async () => {
    const verify = verifierWith()
    await expectCode(
      () => verify(mutate({ claims: { requested_cnf: { jwk: SECRET } } })),
      'ERR_CREDENTIAL_CONFIRMATION',
    )
    expect((await verify(issue())).subject).toBe('alice')
  })

  it('verifies the example of the draft, which has neither type nor id, and takes it once', async () => {
    const example = [
      'eyJhbGciOiJFUzI1NiIsImtpZCI6IjI4MTMzMDgwMDQifQ',
      'eyJpc3MiOiJodHRwczovL2FzLmEuZXhhbXBsZS9hdXRoIiwiZXhwIjoxNjk1Mjg3NzUyLCJpYXQiOjE2OTUyODc2OTIsInN1YiI6ImpvaG5kb2VAYS5leGFtcGxlIiwiYXVkIjoiaHR0cHM6Ly9hcy5iLmV4YW1wbGUvYXV0aCJ9',
      'Li8Rh-c-R0xirbuXlX8x6sQkZRqJIms9U8Rk8cL7uh1Mm232O6mwz1osPEMNef4OFUW-qTfA0C9QdeIl-e0KsA',
    ].join('.')
    const jwk = {
      kty: 'EC',
      crv: 'P-256',
      kid: '2813308004',
      alg: 'ES256',
      x: 'MXfMrj_tgPJHxkfmDAx0m74E-T-DuLYCNdmuqtpfP_E',
      y: 'YX82bI52OPBED1h_1HpsxAyWzrQ7DChAAVX9Q9E8uYQ',
    } as const
    const names = { issuer: 'https://as.b.example/auth', tokenEndpoint: 'https://as.b.example/auth/token' }
    const url = 'https://as.a.example/auth'
    const find = findOnly({ name: 'a', url, keys: new TrustedKeys([jwk], nodeCrypto) })
    const verifier = new ChainingGrantVerifier({ crypto: nodeCrypto, names, replayMemory: new InProcessReplayMemory() })
    const verify = () => verifier.verify(example, find, () => ({}), 1695287700)
    expect(await verify()).toMatchObject({ subject: 'johndoe@a.example', id: undefined })
    await expectCode(verify, 'ERR_CREDENTIAL_REPLAYED')
  })

  it.each<[string, { header?: object; claims?: object }, string]>([
    ['is an access token', { header: { typ: 'at+jwt' } }, 'ERR_CREDENTIAL_TYPE'],
    ['is a client assertion', { header: { typ: 'client-authentication+jwt' } }, 'ERR_CREDENTIAL_TYPE'],
    ['is an untyped access token', { header: { typ: 'JWT' } }, 'ERR_CREDENTIAL_TYPE'],
    [
      'is an untyped ID token',
      { header: { typ: undefined }, claims: { scope: undefined, nonce: 'n' } },
      'ERR_CREDENTIAL_TYPE',
    ],
    ['is bound to a key as it is', { claims: { cnf: { jkt: THUMBPRINT } } }, 'ERR_CREDENTIAL_TYPE'],
    ['is for another server', { claims: { aud: 'https://as.c.example' } }, 'ERR_CREDENTIAL_AUDIENCE'],
    [
      'is for another server too',
      { claims: { aud: [NAMES.issuer, 'https://as.c.example'] } },
      'ERR_CREDENTIAL_AUDIENCE',
    ],
    ['is for nobody', { claims: { aud: [] } }, 'ERR_CREDENTIAL_AUDIENCE'],
    ['has no subject', { claims: { sub: undefined } }, 'ERR_CREDENTIAL_SUBJECT'],
    ['has an id that is no text', { claims: { jti: 1 } }, 'ERR_CREDENTIAL_ID'],
    ['asks for a binding nobody knows', { claims: { requested_cnf: { kid: 'x' } } }, 'ERR_CREDENTIAL_CONFIRMATION'],
    [
      'asks for a binding to a private key',
      { claims: { requested_cnf: { jwk: SECRET } } },
      'ERR_CREDENTIAL_CONFIRMATION',
    ],
    ['asks for a binding that is none', { claims: { requested_cnf: null } }, 'ERR_CREDENTIAL_CONFIRMATION'],
    ['has an actor without a name', { claims: { act: {} } }, 'ERR_CREDENTIAL_ACTOR'],
    ['has an actor of ours', { claims: { act: { sub: 'x', iss: NAMES.issuer } } }, 'ERR_CREDENTIAL_ACTOR'],
    [
      'has an actor of ours further back',
      { claims: { act: { sub: 'g', act: { sub: 'x', iss: NAMES.issuer } } } },
      'ERR_CREDENTIAL_ACTOR',
    ],
    ['has expired', { claims: { exp: NOW - 30, iat: NOW - 60 } }, 'ERR_CREDENTIAL_EXPIRED'],
    ['is of tomorrow', { claims: { iat: NOW + 3600, exp: NOW + 3660 } }, 'ERR_CREDENTIAL_ISSUED_IN_FUTURE'],
    ['lives long', { claims: { exp: NOW + 400 } }, 'ERR_CREDENTIAL_LIFETIME'],
    ['is of another issuer', { claims: { iss: 'https://as.c.example' } }, 'ERR_CREDENTIAL_ISSUER'],
  ])('refuses a grant that %s', async (_, change, code) => {
    await expectCode(() => verifierWith()(mutate(change)), code)
  })

  it('takes the token endpoint as audience too, as the draft has it', async () => {
    expect((await verifierWith()(issue({ audience: NAMES.tokenEndpoint }))).subject).toBe('alice')
  })

  it('takes a grant once, unless told otherwise, and spends none that it refuses', async () => {
    const once = verifierWith()
    await once(issue())
    await expectCode(() => once(issue({ scopes: [] })), 'ERR_CREDENTIAL_REPLAYED')
    const often = verifierWith({ allowsReuse: true })
    await often(issue())
    expect((await often(issue())).subject).toBe('alice')
    let isTenant = false
    const refuse = () => {
      if (!isTenant) throw new TypeError('tenant')
    }
    const picky = verifierWith({ validateClaims: refuse, validateParties: refuse })
    await expect(async () => picky(issue())).rejects.toThrow('tenant')
    isTenant = true
    expect((await picky(issue())).subject).toBe('alice')
  })

  it.each<[string, GrantPolicy, number]>([
    ['by what it is without one', {}, 300],
    ['by what the operator says', { maxLifetimeSeconds: 600 }, 600],
  ])('tells the memory since when a grant without "iat" can have been used, %s', async (_, policy, lifetime) => {
    const told: unknown[] = []
    const replayMemory: ReplayMemory = {
      remember(...use) {
        told.push(use[4])
        return 'fresh'
      },
    }
    const verifier = new ChainingGrantVerifier({ crypto: nodeCrypto, names: NAMES, replayMemory })
    await verifier.verify(mutate({ claims: { iat: undefined } }), findOnly(domainA), () => policy, NOW)
    expect(told).toEqual([NOW + 60 - lifetime - 30])
  })

  it('lets an operator say how long grants may live', async () => {
    const token = mutate({ claims: { exp: NOW + 600 } })
    expect((await verifierWith({ maxLifetimeSeconds: 600 })(token)).subject).toBe('alice')
  })

  it('refuses a signature of another key', async () => {
    const other = generateSigningKey('ES256', { kid: 'a-1' })
    await expectCode(() => verifierWith()(mutateToken(issue(), { key: other })), 'ERR_CREDENTIAL_SIGNATURE')
  })
})
