import { thumbprintInput, WptBuilder } from '@countersign/protocol'
import { AccessTokenIssuer } from '@countersign/protocol/exchange'
import { generateSigningKey, type NodeSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { decodeToken, mutateToken } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import { createEntry } from '../../test-support/machine-requests.ts'
import {
  assertionForm,
  ISSUER,
  ORDERS,
  oauthError,
  startTokenService,
  TOKEN_ENDPOINT,
  type TokenServiceOptions,
  type TokenServiceWorld,
  WORKLOAD,
} from '../../test-support/token-service-world.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

const TYPE = {
  access: 'urn:ietf:params:oauth:token-type:access_token',
  jwt: 'urn:ietf:params:oauth:token-type:jwt',
  jwtSvid: 'urn:countersign:token-type:jwt-svid',
  wit: 'urn:countersign:token-type:wit',
}
const LOGIN = 'https://login.example'
const GATEWAY = 'spiffe://example.org/a'
const OTHER = 'https://other.example'

const loginKey = generateSigningKey('ES256', { kid: 'login-1' })
const login = {
  name: 'login',
  issuer: LOGIN,
  profiles: ['access-token'],
  jwks: { keys: [loginKey.publicJwk] },
  subjectPrefix: 'login/',
}
const gatewayParty = (profile: string) => ({ profile, issuer: 'example.org', subject: [GATEWAY] })
const aliceParty = { profile: 'access-token', issuer: 'login', anySubject: true }
const toOrders = { profile: 'access-token', audience: [ORDERS], scopes: ['orders.read', 'orders.write'] }

/** Rules for a gateway that acts for users, and for what it needs for itself. */
const RULES = [
  { name: 'act', grant: 'token-exchange', subject: aliceParty, client: gatewayParty('wit'), to: toOrders },
  { name: 'act-jwt', grant: 'token-exchange', subject: aliceParty, client: gatewayParty('jwt-svid'), to: toOrders },
  {
    name: 'again',
    grant: 'token-exchange',
    subject: { profile: 'access-token', issuer: 'self', anySubject: true, audience: [ORDERS] },
    client: gatewayParty('wit'),
    to: { ...toOrders, audience: ['https://billing.example'], scopes: ['orders.read'] },
  },
  { name: 'own', grant: 'client_credentials', subject: gatewayParty('wit'), to: { ...toOrders, binding: 'required' } },
  { name: 'own-jwt', grant: 'client_credentials', subject: gatewayParty('jwt-svid'), to: toOrders },
  {
    name: 'wit-to-jwt-svid',
    grant: 'token-exchange',
    subject: gatewayParty('wit'),
    to: { profile: 'jwt-svid', audience: [OTHER], binding: 'none' },
  },
  {
    name: 'pod-to-wit',
    grant: 'token-exchange',
    subject: { profile: 'service-account', issuer: 'cluster', subject: [WORKLOAD] },
    to: { profile: 'wit', audience: ['example.org'], subject: 'spiffe://example.org/pod' },
  },
  {
    name: 'pod-to-agent',
    grant: 'token-exchange',
    subject: { profile: 'service-account', issuer: 'cluster', subject: [WORKLOAD] },
    to: { profile: 'access-token', audience: [ISSUER], subject: 'spiffe://example.org/countersign/agent/x' },
  },
  {
    name: 'agent-to-svid',
    grant: 'token-exchange',
    subject: { profile: 'access-token', issuer: 'self', anySubject: true },
    client: { profile: 'service-account', issuer: 'cluster', subject: [WORKLOAD] },
    to: { profile: 'jwt-svid', audience: [OTHER], acting: 'impersonation' },
  },
]

/** A server whose gateway has a WIT and a JWT-SVID, and a login server that knows alice. */
async function start(options: TokenServiceOptions = {}) {
  const test = await startTokenService({
    rules: RULES,
    cluster: { subjectPrefix: 'k8s/', reuse: true },
    issuers: [login],
    ...options,
  })
  const agent = await test.attestedAgent()
  const { id: entryId } = await createEntry(test, agent, { spiffeId: GATEWAY })
  const key = generateSigningKey('ES256')
  const witReply = await agent.call('/v1/agent/wit-svids', {
    body: { requests: [{ entryId, publicKey: key.publicJwk }] },
  })
  const wit: string = witReply.body.svids[0].wit.token
  return {
    ...test,
    key,
    wit,
    async jwtSvid(audience = ISSUER): Promise<string> {
      const { body } = await agent.call('/v1/agent/jwt-svids', { body: { entryId, audience: [audience] } })
      return body.jwt.token
    },
    alice: (change: object = {}) => aliceToken(test, change),
    /** Fields by which the gateway proves itself. */
    witFields: (audience = TOKEN_ENDPOINT, signer = key) => ({
      'workload-identity-token': wit,
      'workload-proof-token': new WptBuilder(wit, signer, nodeCrypto).build({
        audience,
        now: test.clock.now(),
      }) as string,
    }),
    /** A token exchange by the gateway, with proof. */
    async exchange(subject: string, form: Readonly<Record<string, string>> = {}) {
      return test.post({ ...exchangeForm(subject), ...form }, this.witFields())
    },
  }
}

function aliceToken({ clock }: TokenServiceWorld, change: object): string {
  return new AccessTokenIssuer(loginKey, LOGIN).issue({
    subject: 'alice',
    audience: [ISSUER],
    clientId: 'browser',
    scopes: ['orders.read'],
    issuedAt: clock.now(),
    expiresAt: clock.now() + 600,
    id: 'id-1',
    ...change,
  }) as string
}

const exchangeForm = (subject: string, type = TYPE.access) => ({
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  subject_token: subject,
  subject_token_type: type,
})

const claimsOf = (token: string) => decodeToken(token).claims
const thumbprintOf = (key: NodeSigningKey) => nodeCrypto.sha256Base64url(thumbprintInput(key.publicJwk))

describe('client authentication', () => {
  it('takes a WIT with a proof, and binds the token to its key', async () => {
    const test = await start()
    const reply = await test.post({ grant_type: 'client_credentials' }, test.witFields())
    expect(reply.status).toBe(200)
    expect(reply.body.token_type).toBe('DPoP')
    expect(claimsOf(reply.body.access_token)).toMatchObject({
      sub: GATEWAY,
      client_id: GATEWAY,
      cnf: { jkt: thumbprintOf(test.key) },
    })
  })

  it('takes a proof for the issuer identifier as well', async () => {
    const test = await start()
    expect((await test.post({ grant_type: 'client_credentials' }, test.witFields(ISSUER))).status).toBe(200)
  })

  it('takes no WIT without a proof, or with one that is not for this, by this, or new', async () => {
    const test = await start()
    const ask = (headers: Record<string, string>) => test.post({ grant_type: 'client_credentials' }, headers)
    const { 'workload-identity-token': wit, 'workload-proof-token': proof } = test.witFields()
    expect(oauthError(await ask({ 'workload-identity-token': wit }))).toBe('401 invalid_client')
    expect(oauthError(await ask(test.witFields('https://evil.example')))).toBe('401 invalid_client')
    expect(oauthError(await ask(test.witFields(TOKEN_ENDPOINT, generateSigningKey('ES256'))))).toBe(
      '401 invalid_client',
    )
    expect((await ask({ 'workload-identity-token': wit, 'workload-proof-token': proof })).status).toBe(200)
    const replayed = await ask({ 'workload-identity-token': wit, 'workload-proof-token': proof })
    expect(oauthError(replayed)).toBe('401 invalid_client')
  })

  it('takes no WIT as an assertion, with either type', async () => {
    const test = await start()
    const form = { grant_type: 'client_credentials', ...assertionForm(test.wit) }
    expect(oauthError(await test.post(form))).toBe('401 invalid_client')
    const spiffe = { ...form, client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe' }
    expect(oauthError(await test.post(spiffe))).toBe('401 invalid_client')
  })

  it('takes a JWT-SVID by its own assertion type, for this server alone', async () => {
    const test = await start()
    const ask = (token: string, type: string, form: Readonly<Record<string, string>> = {}) =>
      test.post({
        grant_type: 'client_credentials',
        client_assertion_type: `urn:ietf:params:oauth:client-assertion-type:${type}`,
        client_assertion: token,
        ...form,
      })
    const reply = await ask(await test.jwtSvid(), 'jwt-spiffe', { client_id: GATEWAY })
    expect(claimsOf(reply.body.access_token)).toMatchObject({ sub: GATEWAY, client_id: GATEWAY })
    expect(oauthError(await ask(await test.jwtSvid(), 'jwt-bearer'))).toBe('401 invalid_client')
    expect(oauthError(await ask(await test.jwtSvid(TOKEN_ENDPOINT), 'jwt-spiffe'))).toBe('401 invalid_client')
    expect(oauthError(await ask(await test.jwtSvid(), 'jwt-spiffe', { client_id: `${GATEWAY}b` }))).toBe(
      '401 invalid_client',
    )
    expect(oauthError(await ask(test.serviceAccountToken(), 'jwt-spiffe'))).toBe('401 invalid_client')
  })

  it('refuses two methods at once', async () => {
    const test = await start()
    const form = { grant_type: 'client_credentials', ...assertionForm(test.serviceAccountToken()) }
    expect(oauthError(await test.post(form, test.witFields()))).toBe('400 invalid_request')
  })
})

describe('token exchange', () => {
  it('lets a gateway act for a user, and says so', async () => {
    const test = await start()
    const reply = await test.exchange(test.alice(), { audience: ORDERS, scope: 'orders.read' })
    expect(reply.body).toEqual({
      access_token: expect.any(String),
      issued_token_type: TYPE.access,
      token_type: 'DPoP',
      expires_in: 300,
      scope: 'orders.read',
    })
    expect(claimsOf(reply.body.access_token)).toMatchObject({
      iss: ISSUER,
      sub: 'login/alice',
      aud: ORDERS,
      client_id: GATEWAY,
      act: { sub: GATEWAY },
      scope: 'orders.read',
    })
  })

  it('goes on with its own token, which loses nothing of who acted and gains no scope', async () => {
    const test = await start()
    const first = (await test.exchange(test.alice())).body.access_token
    const dpop = test.dpop(test.key)
    const second = await test.post({ ...exchangeForm(first) }, { ...test.witFields(), dpop })
    expect(claimsOf(second.body.access_token)).toMatchObject({
      sub: 'login/alice',
      aud: 'https://billing.example',
      act: { sub: GATEWAY },
      scope: 'orders.read',
    })
    expect(claimsOf(second.body.access_token)['exp']).toBeLessThanOrEqual(claimsOf(first)['exp'] as number)
    const wider = await test.post({ ...exchangeForm(first), scope: 'orders.write' }, test.witFields())
    expect(oauthError(wider)).toBe('400 invalid_scope')
  })

  it('needs the key of a token that is bound to one', async () => {
    const test = await start()
    const first = (await test.exchange(test.alice())).body.access_token
    const svid = {
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe',
      client_assertion: await test.jwtSvid(),
    }
    expect(oauthError(await test.post({ ...exchangeForm(first), ...svid }))).toBe('400 unauthorized_client')
    const bound = test.alice({ confirmation: { kind: 'jkt', thumbprint: thumbprintOf(generateSigningKey('ES256')) } })
    expect(oauthError(await test.exchange(bound))).toBe('400 unauthorized_client')
    expect(test.log.events('token.refused').at(-1)).toMatchObject({ detail: 'act: subject.proof' })
  })

  it.each<[string, object, string]>([
    ['that has expired', { expiresAt: 1, issuedAt: 0 }, '400 invalid_request'],
    ['for another service', { audience: ['https://gateway.example'] }, '400 unauthorized_client'],
    ['without the scope that is asked for', { scopes: [] }, '400 invalid_scope'],
    ['whose chain of actors is too long', { actor: chainOf(9) }, '400 invalid_request'],
    ['with a full chain of actors', { actor: chainOf(8) }, '400 invalid_request'],
    ['that lets another act', { claims: {}, mayAct: 'x' }, '400 unauthorized_client'],
  ])('refuses a subject token %s', async (_, change, expected) => {
    const test = await start()
    const { mayAct, ...content } = change as { mayAct?: string }
    const token = test.alice(content)
    const subject =
      mayAct === undefined ? token : mutateToken(token, { claims: { may_act: { sub: mayAct } }, key: loginKey })
    expect(oauthError(await test.exchange(subject, { scope: 'orders.read' }))).toBe(expected)
  })

  it.each<[string, Readonly<Record<string, string>>, string]>([
    ['no subject token', { subject_token: '' }, '400 invalid_request'],
    ['no subject token type', { subject_token_type: '' }, '400 invalid_request'],
    [
      'a refresh token',
      { subject_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
      '400 invalid_request',
    ],
    ['a type that nobody knows', { subject_token_type: 'urn:x' }, '400 invalid_request'],
    ['another type than the token is', { subject_token_type: TYPE.wit }, '400 invalid_request'],
    ['an actor token without type', { actor_token: 'x' }, '400 invalid_request'],
    ['an actor token type without token', { actor_token_type: TYPE.jwt }, '400 invalid_request'],
    ['a requested type that nobody gives', { requested_token_type: 'urn:x' }, '400 invalid_request'],
    ['another audience', { audience: OTHER }, '400 invalid_target'],
    ['one more audience by resource', { audience: ORDERS, resource: OTHER }, '400 invalid_target'],
    ['a resource with a fragment', { resource: `${ORDERS}#a` }, '400 invalid_target'],
    ['too much scope', { scope: 'orders.write' }, '400 invalid_scope'],
  ])('refuses a request with %s', async (_, form, expected) => {
    const test = await start()
    expect(oauthError(await test.exchange(test.alice(), form))).toBe(expected)
  })

  it('takes no actor token where no rule names one, and no access token of another kind as actor', async () => {
    const test = await start()
    const actor = { actor_token: test.alice(), actor_token_type: TYPE.access }
    expect(oauthError(await test.exchange(test.alice(), actor))).toBe('400 unauthorized_client')
    const broken = { actor_token: test.wit, actor_token_type: TYPE.access }
    expect(oauthError(await test.exchange(test.alice(), broken))).toBe('400 invalid_request')
  })

  it('needs a client that authenticated', async () => {
    const test = await start()
    expect(oauthError(await test.post(exchangeForm(test.alice())))).toBe('401 invalid_client')
  })

  it('substitutes no type for another', async () => {
    const test = await start()
    const idToken = mutateToken(test.alice(), { header: { typ: 'JWT' }, key: loginKey })
    expect(oauthError(await test.exchange(idToken))).toBe('400 invalid_request')
    expect(oauthError(await test.exchange(test.wit, { subject_token_type: TYPE.jwtSvid }))).toBe('400 invalid_request')
    const svid = await test.jwtSvid()
    expect(oauthError(await test.exchange(svid, { subject_token_type: TYPE.wit }))).toBe('400 invalid_request')
    expect(oauthError(await test.exchange(svid))).toBe('400 invalid_request')
  })

  it('makes a JWT-SVID of a WIT, where the rule gives up the binding', async () => {
    const test = await start()
    const form = { subject_token_type: TYPE.wit, requested_token_type: TYPE.jwtSvid }
    const reply = await test.exchange(test.wit, form)
    expect(reply.body).toMatchObject({ token_type: 'N_A', issued_token_type: TYPE.jwtSvid })
    const { header, claims } = decodeToken(reply.body.access_token)
    expect(header).toMatchObject({ typ: 'JWT', kid: expect.stringMatching(/^jwt-/) })
    expect(claims).toMatchObject({ sub: GATEWAY, aud: [OTHER] })
  })

  it('makes a WIT of what Kubernetes says, for the key that the pod proves', async () => {
    const test = await start()
    const key = generateSigningKey('ES256')
    const token = test.serviceAccountToken()
    const form = { ...exchangeForm(token, TYPE.jwt), ...assertionForm(token), requested_token_type: TYPE.wit }
    expect(oauthError(await test.post(form))).toBe('400 invalid_dpop_proof')
    const reply = await test.post(form, { dpop: test.dpop(key) })
    expect(reply.body).toMatchObject({ token_type: 'N_A', issued_token_type: TYPE.wit })
    const { kty, crv, x, y } = key.publicJwk
    expect(claimsOf(reply.body.access_token)).toMatchObject({
      sub: 'spiffe://example.org/pod',
      cnf: { jwk: { kty, crv, x, y, alg: 'ES256' } },
    })
  })

  it("gives out none of the system's own identities, whatever a rule says", async () => {
    const test = await start()
    const token = test.serviceAccountToken()
    const first = await test.post({ ...exchangeForm(token, TYPE.jwt), ...assertionForm(token) })
    const form = {
      ...exchangeForm(first.body.access_token),
      ...assertionForm(token),
      requested_token_type: TYPE.jwtSvid,
    }
    const reply = await test.post(form)
    expect(oauthError(reply)).toBe('400 invalid_request')
    expect(reply.body.error_description).toContain('not given out')
  })
})

function chainOf(length: number): object {
  return { subject: `actor-${length}`, ...(length > 1 ? { previous: chainOf(length - 1) } : {}) }
}
