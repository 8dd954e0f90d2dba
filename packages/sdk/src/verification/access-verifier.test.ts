import { inspect } from 'node:util'
import { errorCode, InProcessReplayMemory } from '@countersign/protocol'
import { DpopNonces, DpopProofBuilder } from '@countersign/protocol/exchange'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { FakeIssuer, mutateToken } from '@countersign/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { IssuerKeys } from '../exchange/issuer-keys.ts'
import { AccessWorld, RESOURCE, TARGET } from '../test-support/access-world.ts'
import { challengeOf } from './access-challenge.ts'
import type { AccessTokenOptions } from './access-token-options.ts'
import { AccessVerifier } from './access-verifier.ts'
import type { CallAuthorization } from './call-authorization.ts'
import type { IncomingCall } from './incoming-call.ts'
import { problemOf } from './problem.ts'

type Fields = readonly (readonly [string, string])[]

let world: AccessWorld
let verifier: AccessVerifier

beforeEach(async () => {
  world = await AccessWorld.start()
  verifier = open()
})

afterEach(() => world.stop())

const open = (change: Partial<AccessTokenOptions> = {}) =>
  new AccessVerifier(world.options(change), world.programs.connect('/orders').runtime)
const call = (fields: Fields, change: Partial<IncomingCall> = {}): IncomingCall => ({
  method: 'POST',
  target: `${TARGET}?page=1`,
  rawHeaders: fields.flat(),
  ...change,
})
const verify = (fields: Fields = world.fields(), change: Partial<IncomingCall> = {}): Promise<CallAuthorization> =>
  verifier.verify(call(fields, change), world.clock.now())

/** Status, code, and what the challenge says. */
async function refusal(fields: Fields, change: Partial<IncomingCall> = {}) {
  const error = await verify(fields, change).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  const [, challenge = ''] = challengeOf(error, verifier, world.clock.now())
  return {
    status: problemOf(error)?.status,
    code: errorCode(error),
    error: /error="(\w+)"/.exec(challenge)?.[1],
    challenge,
  }
}

const bearer = (token: string): Fields => [['authorization', `Bearer ${token}`]]

describe('AccessVerifier', () => {
  it('says what a token says that is bound to a key, and came with its proof', async () => {
    const authorization = await verify()
    expect(authorization).toMatchObject({
      issuer: world.service.issuer,
      subject: 'spiffe://shop.example/storefront',
      clientId: 'spiffe://shop.example/storefront',
      scopes: ['orders.read'],
      audience: [RESOURCE],
      binding: 'dpop',
    })
    expect([authorization.hasScope('orders.read'), authorization.hasScope('orders')]).toEqual([true, false])
    expect(inspect(authorization, { depth: 9, showHidden: true }) + JSON.stringify(authorization)).not.toContain(
      authorization.token.slice(-20),
    )
    expect(world.service.documentRequests).toEqual(['/.well-known/oauth-authorization-server/oauth2', '/oauth2/jwks'])
  })

  it.each<[string, string, () => string]>([
    ['of another issuer', 'ERR_CREDENTIAL_ISSUER', () => world.service.token({}, 'https://other.example')],
    [
      'by another key',
      'ERR_CREDENTIAL_SIGNATURE',
      () => {
        const key = generateSigningKey('ES256', { kid: 'oauth-1' })
        return world.service.token({}, world.service.issuer, key)
      },
    ],
    [
      'by a key that is not published',
      'ERR_CREDENTIAL_KEY_UNKNOWN',
      () => {
        const key = generateSigningKey('ES256', { kid: 'other' })
        return world.service.token({}, world.service.issuer, key)
      },
    ],
    [
      'that was changed',
      'ERR_CREDENTIAL_SIGNATURE',
      () => mutateToken(world.boundToken(), { claims: { scope: 'all' } }),
    ],
    ['for another service', 'ERR_CREDENTIAL_AUDIENCE', () => world.boundToken({ audience: ['https://other.example'] })],
    [
      'that has expired',
      'ERR_CREDENTIAL_EXPIRED',
      () => {
        const now = world.clock.now()
        return world.boundToken({ issuedAt: now - 600, expiresAt: now - 31 })
      },
    ],
    [
      'that lives too long',
      'ERR_CREDENTIAL_LIFETIME',
      () => world.boundToken({ expiresAt: world.clock.now() + 90_000 }),
    ],
    [
      'that is an identity',
      'ERR_CREDENTIAL_TYPE',
      () => new FakeIssuer().jwtSvid('/orders', [RESOURCE], world.clock.now()),
    ],
    ['that is none', 'ERR_CREDENTIAL_MALFORMED', () => 'token'],
  ])('takes no token %s', async (_, code, make) => {
    const token = make()
    expect(await refusal(world.fields(token))).toMatchObject({ status: 401, code, error: 'invalid_token' })
  })

  it.each<[string, string, string, (token: string) => Fields]>([
    ['no proof', 'ERR_PROOF_MISSING', 'invalid_dpop_proof', (token) => [['authorization', `DPoP ${token}`]]],
    [
      'two proofs',
      'ERR_PROOF_MULTIPLE',
      'invalid_dpop_proof',
      (token) => [...world.fields(token), ['dpop', world.proof(token)]],
    ],
    [
      'a proof for another token',
      'ERR_PROOF_ACCESS_TOKEN',
      'invalid_dpop_proof',
      (token) => world.fields(token, world.proof(world.bearerToken())),
    ],
    [
      'a proof for another path',
      'ERR_PROOF_TARGET',
      'invalid_dpop_proof',
      (token) => world.fields(token, world.proof(token, { url: `${RESOURCE}/v1` })),
    ],
    [
      'a proof for another host',
      'ERR_PROOF_TARGET',
      'invalid_dpop_proof',
      (token) => world.fields(token, world.proof(token, { url: `https://other.example${TARGET}` })),
    ],
    [
      'a proof for another method',
      'ERR_PROOF_METHOD',
      'invalid_dpop_proof',
      (token) => world.fields(token, world.proof(token, { method: 'GET' })),
    ],
    [
      'a proof that is old',
      'ERR_PROOF_EXPIRED',
      'invalid_dpop_proof',
      (token) => world.fields(token, world.proof(token, { now: world.clock.now() - 91 })),
    ],
    [
      "another key's proof",
      'ERR_PROOF_CREDENTIAL_MISMATCH',
      'invalid_dpop_proof',
      (token) => {
        const other = new DpopProofBuilder(generateSigningKey('ES256'), nodeCrypto)
        const content = { method: 'POST', url: RESOURCE + TARGET, now: world.clock.now(), accessToken: token }
        return world.fields(token, other.build(content) as string)
      },
    ],
    ['the bearer scheme', 'ERR_CREDENTIAL_CONFIRMATION', 'invalid_token', bearer],
    [
      'the bearer scheme and a proof',
      'ERR_CREDENTIAL_CONFIRMATION',
      'invalid_token',
      (token) => [...bearer(token), ['dpop', world.proof(token)]],
    ],
  ])('takes no token that is bound with %s', async (_, code, error, make) => {
    verifier = open({ acceptBearer: true })
    expect(await refusal(make(world.boundToken()))).toMatchObject({ status: 401, code, error })
  })

  it('takes a proof once', async () => {
    const fields = world.fields()
    await verify(fields)
    expect(await refusal(fields)).toMatchObject({
      status: 401,
      code: 'ERR_PROOF_REPLAYED',
      error: 'invalid_dpop_proof',
    })
  })

  it('takes no proof again while the keys of the issuer are slow to come, and its memory lets go of it', async () => {
    const keys = new IssuerKeys(world.service.issuer, world.programs.connect('/orders').runtime)
    const slow = {
      current: async () => {
        await world.clock.advance(delay)
        return keys.current()
      },
      refresh: () => keys.refresh(),
    }
    let delay = 0
    verifier = open({ keys: slow })
    const fields = world.fields()
    await verify(fields)
    delay = 90
    expect(await refusal(fields)).toMatchObject({ status: 401, code: 'ERR_PROOF_EXPIRED' })
  })

  it('uses up no proof of a request that is refused: with a token of somebody else anybody could fill the memory', async () => {
    const replayMemory = new InProcessReplayMemory()
    verifier = open({ replayMemory, scopes: ['orders.read'] })
    const certificate = { kind: 'x5t#S256', thumbprint: 'A'.repeat(43) } as const
    const [bound, lacking] = [world.boundToken(), world.boundToken({ scopes: [] })]
    const stranger = new DpopProofBuilder(generateSigningKey('ES256'), nodeCrypto)
    const url = `${RESOURCE}${TARGET}`
    const content = { method: 'POST', url, now: world.clock.now(), accessToken: bound }
    const proof = world.proof(bound)
    const refused: [string, Fields][] = [
      ['ERR_CREDENTIAL_SIGNATURE', world.fields(`${bound.slice(0, -8)}AAAAAAAA`)],
      ['ERR_PROOF_CREDENTIAL_MISMATCH', world.fields(bound, await stranger.build(content))],
      ['ERR_CREDENTIAL_CONFIRMATION', [...bearer(bound), ['dpop', proof]]],
      ['ERR_CREDENTIAL_CONFIRMATION', world.fields(world.bearerToken())],
      ['ERR_CREDENTIAL_CONFIRMATION', world.fields(world.bearerToken({ confirmation: certificate }))],
      ['ERR_POLICY_SCOPE', world.fields(lacking)],
    ]
    for (const [code, fields] of refused) expect(await refusal(fields)).toMatchObject({ code })
    expect(replayMemory.size).toBe(0)
    await verify(world.fields(bound, proof))
    expect(replayMemory.size).toBe(1)
  })

  it('cannot decide without its memory: that is not the fault of the request', async () => {
    verifier = open({ replayMemory: new InProcessReplayMemory({ capacity: 1, senderShare: 1 }) })
    await verify()
    expect(await refusal(world.fields())).toMatchObject({ status: 503, challenge: '' })
  })

  it.each<[string, Fields | (() => Fields), object]>([
    ['no token', [], { status: 401, code: 'ERR_CREDENTIAL_MISSING', error: undefined }],
    [
      'another scheme',
      [['authorization', 'Basic dTpw']],
      { status: 401, code: 'ERR_CREDENTIAL_MISSING', error: undefined },
    ],
    ['two tokens', () => [...world.fields(), ...bearer('x')], { status: 400, error: 'invalid_request' }],
    ['half a token', [['authorization', 'Bearer']], { status: 400, error: 'invalid_request' }],
  ])('refuses a request with %s', async (_, fields, expected) => {
    expect(await refusal(typeof fields === 'function' ? fields() : fields)).toMatchObject(expected)
  })

  it('does not look for a token where a log would find it', async () => {
    const target = `${TARGET}?access_token=${world.bearerToken()}`
    verifier = open({ acceptBearer: true })
    expect(await refusal([], { target })).toMatchObject({ code: 'ERR_CREDENTIAL_MISSING' })
  })

  it('needs all scopes, and says which', async () => {
    verifier = open({ scopes: ['orders.read', 'orders.write'] })
    expect(await refusal(world.fields())).toMatchObject({
      status: 403,
      code: 'ERR_POLICY_SCOPE',
      error: 'insufficient_scope',
      challenge: expect.stringContaining('scope="orders.read orders.write"'),
    })
    const token = world.boundToken({ scopes: ['orders.write', 'x', 'orders.read'] })
    expect((await verify(world.fields(token))).binding).toBe('dpop')
  })

  it('adds the path of the request to its own address alone', async () => {
    verifier = open({ audience: 'orders', baseUrl: 'https://api.example/shop/' })
    const token = world.boundToken({ audience: ['other', 'orders'] })
    const proof = world.proof(token, { url: 'https://api.example/shop/v1/orders' })
    expect((await verify(world.fields(token, proof), { target: `https://evil.example${TARGET}` })).binding).toBe('dpop')
  })

  it('asks for the keys again when one is new, once in a while', async () => {
    await verify()
    const key = generateSigningKey('ES256', { kid: 'oauth-2' })
    world.service.published = [world.service.key.publicJwk, key.publicJwk]
    const confirmation = { kind: 'jkt', thumbprint: world.proofs.thumbprint as string } as const
    await world.clock.advance(31)
    const token = world.service.token({ confirmation }, world.service.issuer, key)
    expect((await verify(world.fields(token))).binding).toBe('dpop')
    const before = world.service.documentRequests.length
    for (let count = 0; count < 10; count++) {
      const made = world.service.token(
        {},
        world.service.issuer,
        generateSigningKey('ES256', { kid: `made-up-${count}` }),
      )
      expect(await refusal(world.fields(made))).toMatchObject({ code: 'ERR_CREDENTIAL_KEY_UNKNOWN' })
    }
    expect(world.service.documentRequests.length).toBe(before)
  })

  it('decides nothing without keys', async () => {
    world.service.metadata = { jwks_uri: undefined }
    expect(await refusal(world.fields())).toMatchObject({ status: 503, code: 'ERR_SDK_KEYS', challenge: '' })
    verifier = open()
    world.service.metadata = { issuer: 'https://evil.example' }
    expect(await refusal(world.fields())).toMatchObject({ status: 503, code: 'ERR_SDK_METADATA' })
  })

  it('is not set up without saying for whom a token must be', () => {
    for (const change of [
      { audience: [] },
      { audience: ['', RESOURCE] },
      { audience: 'orders' },
      { issuer: 'http://id.example' },
      { baseUrl: 'https://orders.example/?a' },
      { baseUrl: 'https://user@orders.example' },
    ]) {
      expect(() => open(change), JSON.stringify(change)).toThrow(TypeError)
    }
  })
})

describe('tokens that are bound to no key', () => {
  it('count where that is said, and only as bearer tokens', async () => {
    const token = world.bearerToken()
    expect(await refusal(bearer(token))).toMatchObject({ status: 401, code: 'ERR_CREDENTIAL_CONFIRMATION' })
    verifier = open({ acceptBearer: true })
    expect((await verify(bearer(token))).binding).toBe('bearer')
    expect((await verify([['authorization', `bearer ${token}`]])).binding).toBe('bearer')
    expect(await refusal(world.fields(token))).toMatchObject({ status: 401, code: 'ERR_CREDENTIAL_CONFIRMATION' })
  })

  it('do not excuse a proof that is wrong', async () => {
    verifier = open({ acceptBearer: true })
    const token = world.bearerToken()
    const fields: Fields = [...bearer(token), ['dpop', world.proof(token, { method: 'GET' })]]
    expect(await refusal(fields)).toMatchObject({ status: 401, code: 'ERR_PROOF_METHOD' })
  })
})

describe('tokens that are bound to a certificate', () => {
  const certificate = Buffer.from('certificate')
  const token = () => {
    const thumbprint = Buffer.from(nodeCrypto.sha256(certificate)).toString('base64url')
    return world.bearerToken({ confirmation: { kind: 'x5t#S256', thumbprint } })
  }

  it('count on a connection with that certificate', async () => {
    const authorization = await verify(bearer(token()), { peerCertificate: () => certificate })
    expect(authorization.binding).toBe('mtls')
  })

  it.each<[string, (() => Uint8Array | undefined) | undefined, 'Bearer' | 'DPoP']>([
    ['another', () => Buffer.from('other'), 'Bearer'],
    ['none', () => undefined, 'Bearer'],
    ['nothing that could have one', undefined, 'Bearer'],
    ['it, shown as if bound to a DPoP key', () => certificate, 'DPoP'],
  ])('do not count on a connection with %s', async (_, peerCertificate, scheme) => {
    verifier = open({ acceptBearer: true })
    const change = peerCertificate === undefined ? {} : { peerCertificate }
    const refused = await refusal([['authorization', `${scheme} ${token()}`]], change)
    expect(refused).toMatchObject({ status: 401, code: 'ERR_CREDENTIAL_CONFIRMATION', error: 'invalid_token' })
  })
})

describe('nonces', () => {
  it('are not asked for where none are given, also of who has kept one', async () => {
    const token = world.boundToken()
    expect((await verify(world.fields(token, world.proof(token, { nonce: 'kept' })))).binding).toBe('dpop')
  })

  it('are asked for, given, and taken until they are old', async () => {
    verifier = open({ dpopNonce: true })
    const now = world.clock.now()
    const error = await verify().catch((thrown: unknown) => thrown)
    const challenge = challengeOf(error, verifier, now)
    expect(challenge).toEqual([
      'www-authenticate',
      expect.stringMatching(/^DPoP error="use_dpop_nonce", .*algs="/),
      'dpop-nonce',
      verifier.nonceAt(now),
    ])
    const token = world.boundToken()
    const withNonce = (nonce: string) => world.fields(token, world.proof(token, { nonce }))
    const nonce = challenge[3] as string
    expect((await verify(withNonce(nonce))).binding).toBe('dpop')
    await world.clock.advance(240)
    expect(await refusal(withNonce(nonce))).toMatchObject({ error: 'use_dpop_nonce' })
    expect(await refusal(withNonce(new DpopNonces(nodeCrypto).current(now)))).toMatchObject({ error: 'use_dpop_nonce' })
  })
})

describe('challenges', () => {
  it('name the schemes that count, and what was wrong in that of the scheme that was used', async () => {
    const algs = expect.stringContaining('algs="ES256 ')
    const without = await refusal([])
    expect(without.challenge).toEqual(algs)
    expect(without.challenge).toMatch(/^DPoP scope="orders.read", algs="[^"]+"$/)
    verifier = open({ acceptBearer: true, scopes: [] })
    expect((await refusal([])).challenge).toMatch(/^DPoP algs="[^"]+", Bearer$/)
    expect((await refusal(bearer('x'))).challenge).toMatch(
      /^DPoP algs="[^"]+", Bearer error="invalid_token", error_description="[^"]+"$/,
    )
    expect((await refusal(world.fields('x', 'x'))).challenge).toMatch(
      /^DPoP error="invalid_token", error_description="[^"]+", algs="[^"]+", Bearer$/,
    )
  })

  it('hold no character that would end them', async () => {
    const { key } = world.service
    const token = mutateToken(world.boundToken(), { claims: { iat: undefined }, key })
    const { code, challenge } = await refusal(world.fields(token))
    expect(code).toBe('ERR_CREDENTIAL_MALFORMED')
    expect(challenge).toContain(`error_description="credential has no 'iat'"`)
    expect(challenge.replace(/="[^"\\]*"/g, '')).not.toContain('"')
  })
})
