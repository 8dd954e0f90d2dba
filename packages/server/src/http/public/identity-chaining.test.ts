/** Two token services of two trust domains, and a third that should never get anything. */
import { thumbprintInput } from '@countersign/protocol'
import { ChainingGrantIssuer, DpopProofBuilder } from '@countersign/protocol/exchange'
import { generateSigningKey, type NodeSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { decodeToken, FakeClock, mutateToken } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import { callHttps } from '../../test-support/http-call.ts'
import {
  assertionForm,
  oauthError,
  startTokenService,
  type TokenServiceWorld,
  WORKLOAD,
} from '../../test-support/token-service-world.ts'

vi.setConfig({ testTimeout: 60_000 })

const TYPE = {
  access: 'urn:ietf:params:oauth:token-type:access_token',
  jwt: 'urn:ietf:params:oauth:token-type:jwt',
}
const A = 'https://as.a.example/oauth2'
const B = 'https://as.b.example/oauth2'
const C = 'https://as.c.example/oauth2'
const API = 'https://api.b.example'
const PORTAL = 'https://portal.a.example'
const SCOPES = ['orders.read', 'orders.write']

const podOf = { profile: 'service-account', issuer: 'cluster', subject: [WORKLOAD] }
const grantOf = (issuer: string, party: object = { subject: ['k8s/user'] }) => ({
  profile: 'authorization-grant',
  issuer,
  ...party,
})

/** A's pod has access tokens of A for a user, and may have grants for B out of these. */
const RULES_OF_A = [
  {
    name: 'sign-in',
    grant: 'client_credentials',
    subject: podOf,
    to: { profile: 'access-token', audience: [PORTAL], scopes: SCOPES, subject: 'k8s/user' },
  },
  {
    name: 'to-b',
    grant: 'token-exchange',
    subject: { profile: 'access-token', issuer: 'self', anySubject: true, audience: [PORTAL] },
    client: podOf,
    to: { profile: 'authorization-grant', audience: [B, A, C], scopes: ['orders.read'], ttl: 60 },
  },
  {
    name: 'from-b',
    grant: 'jwt-bearer',
    subject: grantOf('b', { anySubject: true }),
    client: 'none',
    to: { profile: 'access-token', audience: [PORTAL] },
  },
]
/** B knows one user of A. */
const RULES_OF_B = [
  {
    name: 'from-a',
    grant: 'jwt-bearer',
    subject: grantOf('a'),
    client: 'none',
    to: { profile: 'access-token', audience: [API], scopes: SCOPES, claims: ['groups'] },
  },
  {
    name: 'back-to-a',
    grant: 'token-exchange',
    subject: { profile: 'access-token', issuer: 'self', anySubject: true, audience: [API] },
    client: podOf,
    to: { profile: 'authorization-grant', audience: [A], scopes: ['orders.read'] },
  },
]

const cluster = { subjectPrefix: 'k8s/', reuse: true }
const claimsOf = (token: string) => decodeToken(token).claims
const exchangeForm = (subject: string, form: object) => ({
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  subject_token: subject,
  subject_token_type: TYPE.access,
  requested_token_type: TYPE.jwt,
  ...form,
})
const trust = (name: string, issuer: string, keys: readonly object[], change: object = {}) => ({
  name,
  issuer,
  profiles: ['authorization-grant'],
  jwks: { keys },
  subjectPrefix: `${name}/`,
  claims: { groups: 'groups' },
  ...change,
})

async function keysOf({ server }: TokenServiceWorld): Promise<readonly object[]> {
  return (await callHttps(`${new URL(server.publicUrl).origin}/oauth2/jwks`)).body.keys
}

const rogue = generateSigningKey('ES256', { kid: 'rogue-1' })

async function start(rulesOfB: readonly object[] = RULES_OF_B, rulesOfA: readonly object[] = RULES_OF_A) {
  const clock = new FakeClock()
  const clusterKey = generateSigningKey('RS256', { kid: 'cluster-1' })
  const a = await startTokenService({
    clock,
    clusterKey,
    rules: rulesOfA,
    cluster,
    tokenService: { issuer: A },
    issuers: [trust('b', B, [rogue.publicJwk])],
    config: { trustDomain: 'a.example' },
  })
  const keysOfA = await keysOf(a)
  const b = await startTokenService({
    clock,
    rules: rulesOfB,
    cluster,
    clusterKey,
    tokenService: { issuer: B },
    issuers: [trust('a', A, keysOfA), trust('rogue', 'https://as.rogue.example', [rogue.publicJwk])],
    config: { trustDomain: 'b.example' },
  })
  const podForm = (issuer: string) => assertionForm(a.serviceAccountToken({ aud: [issuer] }))
  const world = {
    a,
    b,
    clock,
    keysOfA,
    podForm,
    async accessToken(): Promise<string> {
      const reply = await a.post({ ...podForm(A), grant_type: 'client_credentials', audience: PORTAL })
      return reply.body.access_token
    },
    /** Asks A for a grant. */
    async exchange(form: object = {}, headers: Record<string, string> = {}, subject?: string) {
      const token = subject ?? (await world.accessToken())
      return a.post({ ...podForm(A), ...exchangeForm(token, { resource: B, ...form }) }, headers)
    },
    async grant(headers: Record<string, string> = {}): Promise<string> {
      return (await world.exchange({}, headers)).body.access_token
    },
    bring: (assertion: string, form: object = {}, headers: Record<string, string> = {}) =>
      b.post({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion, ...form }, headers),
    dpop: (key: NodeSigningKey, issuer: string) =>
      new DpopProofBuilder(key, nodeCrypto).build({
        method: 'POST',
        url: `${new URL(issuer).origin}/oauth2/token`,
        now: clock.now(),
      }) as string,
    /** A grant for B by an issuer that B trusts, and who says what it likes. */
    rogueGrant(change: object = {}): string {
      const now = clock.now()
      return new ChainingGrantIssuer(rogue, 'https://as.rogue.example').issue({
        subject: 'k8s/user',
        audience: B,
        scopes: [],
        issuedAt: now,
        expiresAt: now + 60,
        id: `id-${now}`,
        ...change,
      }) as string
    },
  }
  return world
}

const thumbprintOf = (key: NodeSigningKey) => nodeCrypto.sha256Base64url(thumbprintInput(key.publicJwk))

describe('identity chaining', () => {
  it('takes a user from one domain to the other, with caller and chain', async () => {
    const test = await start()
    const reply = await test.exchange()
    expect(reply.body).toEqual({
      access_token: expect.any(String),
      issued_token_type: TYPE.jwt,
      token_type: 'N_A',
      expires_in: 60,
      scope: 'orders.read',
    })
    const grant = reply.body.access_token
    expect(decodeToken(grant).header).toMatchObject({ typ: 'authorization-grant+jwt' })
    expect(claimsOf(grant)).toEqual({
      iss: A,
      sub: 'k8s/user',
      aud: B,
      scope: 'orders.read',
      iat: expect.any(Number),
      exp: expect.any(Number),
      jti: expect.any(String),
      act: { sub: `k8s/${WORKLOAD}` },
    })
    const answer = await test.bring(grant, { scope: 'orders.read', resource: API })
    expect(answer.body).toMatchObject({ token_type: 'Bearer', expires_in: 60, scope: 'orders.read' })
    expect(answer.body).not.toHaveProperty('refresh_token')
    expect(claimsOf(answer.body.access_token)).toMatchObject({
      iss: B,
      sub: 'a/k8s/user',
      aud: API,
      act: { sub: `k8s/${WORKLOAD}`, iss: A },
      scope: 'orders.read',
    })
  })

  it('gives a grant to a request that names no type, as the draft has it, and an access token where there is a choice', async () => {
    const both = {
      ...RULES_OF_A[1],
      name: 'of-b',
      to: { profile: 'access-token', audience: [C], scopes: ['orders.read'] },
    }
    const test = await start(RULES_OF_B, [...RULES_OF_A, both])
    const untyped = async (resource: string) => {
      const { requested_token_type: _, ...form } = exchangeForm(await test.accessToken(), { resource })
      return test.a.post({ ...test.podForm(A), ...form })
    }
    const subject = { profile: 'access-token', issuer: 'self', subject: 'k8s/user', audience: [PORTAL] }
    const explain = async (resource: string) => {
      const body = { grant: 'token-exchange', subject, client: { ...podOf, subject: WORKLOAD }, audience: [resource] }
      return (await test.a.admin('/v1/exchange/explain', { body })).body
    }
    const grant = await untyped(B)
    expect(grant.body).toMatchObject({ token_type: 'N_A', issued_token_type: TYPE.jwt })
    expect(decodeToken(grant.body.access_token).header).toMatchObject({ typ: 'authorization-grant+jwt' })
    expect(test.a.log.events('token.issued').at(-1)).toMatchObject({ rule: 'to-b', profile: 'authorization-grant' })
    expect(await explain(B)).toMatchObject({ allowed: true, rule: 'to-b', requested: 'authorization-grant' })
    expect((await test.bring(grant.body.access_token)).status).toBe(200)
    const choice = await untyped(C)
    expect(choice.body).toMatchObject({ token_type: 'Bearer', issued_token_type: TYPE.access })
    expect(await explain(C)).toMatchObject({ allowed: true, rule: 'of-b', requested: 'access-token' })
    expect(oauthError(await untyped('https://as.d.example'))).toBe('400 invalid_target')
  })

  it('binds the token to a whole key that the other domain asks for', async () => {
    const test = await start([{ ...RULES_OF_B[0], subject: grantOf('rogue') }])
    const key = generateSigningKey('ES256')
    const asking = (jwk: object) => mutateToken(test.rogueGrant(), { claims: { requested_cnf: { jwk } }, key: rogue })
    const { d, ...publicJwk } = { ...key.publicJwk, d: 'AAAA' }
    expect(oauthError(await test.bring(asking({ ...publicJwk, d })))).toBe('400 invalid_grant')
    expect(test.b.log.events('token.refused').at(-1)).toMatchObject({ reason: 'ERR_CREDENTIAL_CONFIRMATION' })
    const answer = await test.bring(asking(publicJwk))
    expect(answer.body.token_type).toBe('DPoP')
    expect(claimsOf(answer.body.access_token)).toMatchObject({ cnf: { jkt: thumbprintOf(key) } })
  })

  it('binds the token to the key that was proved in the first domain', async () => {
    const test = await start()
    const key = generateSigningKey('ES256')
    const dpop = test.dpop(key, A)
    const grant = await test.grant({ dpop })
    expect(claimsOf(grant)).toMatchObject({ requested_cnf: { jkt: thumbprintOf(key) } })
    // The other domain's server may bring it for the holder: nothing is proved here, and the token is bound all the same.
    const answer = await test.bring(grant)
    expect(answer.body.token_type).toBe('DPoP')
    expect(claimsOf(answer.body.access_token)).toMatchObject({ cnf: { jkt: thumbprintOf(key) } })
  })

  it('binds it to no other key that whoever has the grant can prove', async () => {
    const test = await start()
    const [key, thief] = [generateSigningKey('ES256'), generateSigningKey('ES256')]
    const grant = await test.grant({ dpop: test.dpop(key, A) })
    expect(oauthError(await test.bring(grant, {}, { dpop: test.dpop(thief, B) }))).toBe('400 invalid_grant')
    const second = await test.grant({ dpop: test.dpop(key, A) })
    expect((await test.bring(second, {}, { dpop: test.dpop(key, B) })).body.token_type).toBe('DPoP')
  })

  it('takes a grant once, and then no more', async () => {
    const test = await start()
    const grant = await test.grant()
    expect((await test.bring(grant)).status).toBe(200)
    expect(oauthError(await test.bring(grant))).toBe('400 invalid_grant')
    expect(test.b.log.events('token.refused').at(-1)).toMatchObject({ reason: 'ERR_CREDENTIAL_REPLAYED' })
  })

  it('takes no grant for another server, or for another one too, at either', async () => {
    const test = await start()
    const forC = (await test.exchange({ resource: C })).body.access_token
    expect(claimsOf(forC)['aud']).toBe(C)
    expect(oauthError(await test.bring(forC))).toBe('400 invalid_grant')
    expect(test.b.log.events('token.refused').at(-1)).toMatchObject({ reason: 'ERR_CREDENTIAL_AUDIENCE' })
    const both = mutateToken(test.rogueGrant(), { claims: { aud: [B, C] }, key: rogue })
    expect(oauthError(await test.bring(both))).toBe('400 invalid_grant')
    // A grant for B that B itself shows to C: C trusts A as B does.
    const c = await startTokenService({
      clock: test.clock,
      cluster,
      rules: RULES_OF_B.slice(0, 1),
      tokenService: { issuer: C },
      issuers: [trust('a', A, test.keysOfA)],
      config: { trustDomain: 'c.example' },
    })
    const forB = await test.grant()
    const form = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: forB }
    expect(oauthError(await c.post(form))).toBe('400 invalid_grant')
    expect(c.log.events('token.refused').at(-1)).toMatchObject({ reason: 'ERR_CREDENTIAL_AUDIENCE' })
  })

  it.each<[string, Readonly<Record<string, string>>, string]>([
    ['for two servers', { audience: C }, '400 invalid_target'],
    ['for itself', { resource: A }, '400 invalid_target'],
    ['for a server that no rule names', { resource: 'https://as.d.example' }, '400 invalid_target'],
    ['with a resource that is none', { resource: 'b' }, '400 invalid_target'],
    ['with more scope', { scope: 'orders.write' }, '400 invalid_scope'],
    ['without saying who it is', { client_assertion: '', client_assertion_type: '' }, '401 invalid_client'],
  ])('gives no grant %s', async (_, form, expected) => {
    const test = await start()
    expect(oauthError(await test.exchange(form))).toBe(expected)
  })

  it('takes nothing else for a grant, and a grant for nothing else', async () => {
    const test = await start()
    expect(oauthError(await test.bring(await test.accessToken()))).toBe('400 invalid_grant')
    expect(oauthError(await test.bring(test.a.serviceAccountToken({ aud: [B] })))).toBe('400 invalid_grant')
    expect(oauthError(await test.bring('x'))).toBe('400 invalid_grant')
    expect(oauthError(await test.bring(''))).toBe('400 invalid_request')
    const grant = await test.grant()
    // Another grant out of this one, and so on.
    expect(oauthError(await test.exchange({ subject_token_type: TYPE.jwt }, {}, grant))).toBe('400 invalid_request')
    const asClient = { grant_type: 'client_credentials', ...assertionForm(grant) }
    expect(oauthError(await test.b.post(asClient))).toBe('401 invalid_client')
  })

  it.each<[string, object, string]>([
    ['a workload of the second', { subject: 'spiffe://b.example/admin' }, 'ERR_CREDENTIAL_SUBJECT'],
    ['an actor of the second', { actor: { subject: 'spiffe://b.example/admin' } }, 'ERR_CREDENTIAL_ACTOR'],
    ['an actor by the name of its server', { actor: { subject: 'x', issuer: B } }, 'ERR_CREDENTIAL_ACTOR'],
    ['a grant of another issuer', { asIssuer: A }, 'ERR_CREDENTIAL_KEY_UNKNOWN'],
  ])('lets no domain name %s', async (_, change, reason) => {
    const test = await start()
    const { asIssuer, ...content } = change as { asIssuer?: string }
    const grant = test.rogueGrant(content)
    const token = asIssuer === undefined ? grant : mutateToken(grant, { claims: { iss: asIssuer }, key: rogue })
    expect(oauthError(await test.bring(token))).toBe('400 invalid_grant')
    expect(test.b.log.events('token.refused').at(-1)).toMatchObject({ reason })
  })

  it('denies a subject that no rule knows, and one that is known of another issuer only', async () => {
    const stranger = [{ ...RULES_OF_B[0], subject: grantOf('a', { subject: ['k8s/somebody'] }) }]
    const test = await start(stranger)
    expect(oauthError(await test.bring(await test.grant()))).toBe('400 invalid_grant')
    expect(test.b.log.events('token.refused').at(-1)).toMatchObject({ detail: 'from-a: subject.subject' })
    expect(oauthError(await test.bring(test.rogueGrant()))).toBe('400 unauthorized_client')
  })

  it('holds the token to what the grant says: scope, end and claims', async () => {
    const test = await start()
    expect(oauthError(await test.bring(await test.grant(), { scope: 'orders.write' }))).toBe('400 invalid_scope')
    expect(oauthError(await test.bring(await test.grant(), { resource: 'https://x.example' }))).toBe(
      '400 invalid_target',
    )
    const grant = await test.grant()
    await test.clock.advance(50)
    const { body } = await test.bring(grant)
    expect(body.expires_in).toBe(10)
    const late = await test.grant()
    await test.clock.advance(120)
    expect(oauthError(await test.bring(late))).toBe('400 invalid_grant')
  })

  it('needs the client that the rule names', async () => {
    const test = await start([{ ...RULES_OF_B[0], client: podOf }])
    expect(oauthError(await test.bring(await test.grant()))).toBe('400 unauthorized_client')
    const answer = await test.bring(await test.grant(), test.podForm(B))
    expect(claimsOf(answer.body.access_token)).toMatchObject({
      client_id: `k8s/${WORKLOAD}`,
      act: { sub: `k8s/${WORKLOAD}`, act: { sub: `k8s/${WORKLOAD}`, iss: A } },
    })
  })

  it('goes round in no circle', async () => {
    const test = await start()
    const { body } = await test.bring(await test.grant())
    const back = await test.b.post({
      ...test.podForm(B),
      ...exchangeForm(body.access_token, { resource: A }),
    })
    expect(claimsOf(back.body.access_token)).toMatchObject({ aud: A, act: { act: { iss: A } } })
    // No longer than what it began with.
    expect(claimsOf(back.body.access_token)['exp']).toBeLessThanOrEqual(claimsOf(body.access_token)['exp'] as number)
    const again = await startTokenService({
      clock: test.clock,
      cluster,
      rules: RULES_OF_A,
      tokenService: { issuer: A },
      issuers: [trust('b', B, await keysOf(test.b))],
      config: { trustDomain: 'a.example' },
    })
    const form = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: back.body.access_token }
    expect(oauthError(await again.post(form))).toBe('400 invalid_grant')
    expect(again.log.events('token.refused').at(-1)).toMatchObject({ reason: 'ERR_CREDENTIAL_ACTOR' })
  })
})
