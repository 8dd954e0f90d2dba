/**
 * A token service that would give anybody almost anything: every kind of token is taken in every place where it may be taken
 * at all. So whatever is refused is refused for what the attacker did, and not for want of a rule.
 */
import { WptBuilder } from '@countersign/protocol'
import { AccessTokenIssuer, ChainingGrantIssuer } from '@countersign/protocol/exchange'
import { generateSigningKey, type NodeSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { encodeToken } from '@countersign/testing'
import { expect } from 'vitest'
import type { Reply } from './http-call.ts'
import { createEntry } from './machine-requests.ts'
import type { TestAgent } from './test-agent.ts'
import {
  assertionForm,
  ISSUER,
  ORDERS,
  startTokenService,
  TOKEN_ENDPOINT,
  type TokenServiceOptions,
  type TokenServiceWorld,
} from './token-service-world.ts'

export const TYPE = {
  access: 'urn:ietf:params:oauth:token-type:access_token',
  refresh: 'urn:ietf:params:oauth:token-type:refresh_token',
  id: 'urn:ietf:params:oauth:token-type:id_token',
  jwt: 'urn:ietf:params:oauth:token-type:jwt',
  txn: 'urn:ietf:params:oauth:token-type:txn_token',
  selfSigned: 'urn:ietf:params:oauth:token-type:self_signed',
  unsigned: 'urn:ietf:params:oauth:token-type:unsigned_json',
  jwtSvid: 'urn:countersign:token-type:jwt-svid',
  x509Svid: 'urn:countersign:token-type:x509-svid',
  wit: 'urn:countersign:token-type:wit',
} as const
export const GRANT = {
  exchange: 'urn:ietf:params:oauth:grant-type:token-exchange',
  jwtBearer: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
}
export const GATEWAY = 'spiffe://example.org/gateway'
export const LOGIN = 'https://login.example'
export const PARTNER = 'https://as.partner.example'
export const BILLING = 'https://billing.example'
const SCOPES = ['orders.read', 'orders.write']

export const loginKey = generateSigningKey('ES256', { kid: 'login-1' })
export const partnerKey = generateSigningKey('ES256', { kid: 'partner-1' })
export const clientKey = generateSigningKey('ES256', { kid: 'batch-1' })

export const anyOf = (profile: string, issuer: string) => ({
  profile,
  issuer,
  anySubject: true,
  audience: [ISSUER, ORDERS, BILLING, 'example.org'],
})
export const gatewayParty = { profile: 'wit', issuer: 'example.org', subject: [GATEWAY] }
export const toOrders = { profile: 'access-token', audience: [ORDERS, BILLING], scopes: SCOPES }
const toTransaction = { profile: 'transaction-token', audience: ['example.org'], scopes: SCOPES, binding: 'none' }

/** Whoever can be a subject, and who vouches. */
const PARTIES = {
  'service-account': 'cluster',
  'access-token': 'login',
  'oidc-id-token': 'login',
  'jwt-svid': 'example.org',
  wit: 'example.org',
}

const exchangeRule = (name: string, subject: object, more: object = {}, to: object = toOrders) => ({
  name,
  grant: 'token-exchange',
  subject,
  client: gatewayParty,
  to,
  ...more,
})

/** Everybody may have everything. */
export const LIBERAL_RULES: readonly object[] = [
  ...Object.entries(PARTIES).flatMap(([profile, issuer]) => [
    exchangeRule(`of ${profile}`, anyOf(profile, issuer)),
    exchangeRule(`begin by ${profile}`, anyOf(profile, issuer), {}, toTransaction),
    exchangeRule(`acting ${profile}`, anyOf('access-token', 'login'), { actor: anyOf(profile, issuer) }),
  ]),
  exchangeRule('again', anyOf('access-token', 'self')),
  exchangeRule('acting self', anyOf('access-token', 'login'), { actor: anyOf('access-token', 'self') }),
  exchangeRule('of a transaction', anyOf('transaction-token', 'self'), {}, toTransaction),
  exchangeRule('self-signed', anyOf('self-signed', 'example.org'), {}, toTransaction),
  exchangeRule('unsigned', anyOf('unsigned-json', 'example.org'), {}, toTransaction),
  {
    name: 'grant',
    grant: 'jwt-bearer',
    subject: anyOf('authorization-grant', 'partner'),
    client: 'none',
    to: toOrders,
  },
  ...['service-account:cluster', 'registered-client:clients', 'jwt-svid:example.org', 'wit:example.org'].map(
    (party) => {
      const [profile = '', issuer = ''] = party.split(':')
      return { name: `own ${profile}`, grant: 'client_credentials', subject: anyOf(profile, issuer), to: toOrders }
    },
  ),
]

export interface AttackWorld extends TokenServiceWorld {
  readonly agent: TestAgent
  readonly entryId: string
  /** The gateway's. */
  readonly key: NodeSigningKey
  readonly wit: string
  /** Fields by which a WIT is shown with the proof of a key. */
  witFields(wit?: string, key?: NodeSigningKey): Record<string, string>
  jwtSvid(audience?: string): Promise<string>
  /** An access token of the login server. */
  accessToken(change?: object, key?: NodeSigningKey): string
  /** An ID token of it. */
  idToken(claims?: object, header?: object): string
  /** A grant of the partner's authorization server. */
  grant(change?: object): string
  /** A JWT that the gateway signed itself. */
  selfSigned(claims?: object): string
  /** An assertion of the registered client. */
  assertion(claims?: object): string
  /** A token exchange by the gateway, with proof. */
  exchange(subject: string, type: string, form?: Readonly<Record<string, string>>): Promise<Reply>
  /** The access token of an answer that grants one. */
  granted(reply: Promise<Reply>): Promise<string>
}

export async function startAttackWorld(options: TokenServiceOptions = {}): Promise<AttackWorld> {
  const login = {
    name: 'login',
    issuer: LOGIN,
    profiles: ['access-token', 'oidc-id-token'],
    jwks: { keys: [loginKey.publicJwk] },
    subjectPrefix: 'login/',
  }
  const partner = {
    name: 'partner',
    issuer: PARTNER,
    profiles: ['authorization-grant'],
    jwks: { keys: [partnerKey.publicJwk] },
    subjectPrefix: 'partner/',
  }
  const test = await startTokenService({
    rules: LIBERAL_RULES,
    issuers: [login, partner],
    ...options,
    cluster: { subjectPrefix: 'k8s/', reuse: true, ...options.cluster },
    tokenService: { clients: [{ id: 'batch', jwks: { keys: [clientKey.publicJwk] } }], ...options.tokenService },
  })
  const now = () => test.clock.now()
  const agent = await test.attestedAgent()
  const { id: entryId } = await createEntry(test, agent, { spiffeId: GATEWAY })
  const gatewayKey = generateSigningKey('ES256')
  const body = { requests: [{ entryId, publicKey: gatewayKey.publicJwk }] }
  const gatewayWit: string = (await agent.call('/v1/agent/wit-svids', { body })).body.svids[0].wit.token
  const witFields = (wit = gatewayWit, key = gatewayKey) => ({
    'workload-identity-token': wit,
    'workload-proof-token': new WptBuilder(wit, key, nodeCrypto).build({
      audience: TOKEN_ENDPOINT,
      now: now(),
    }) as string,
  })
  let count = 0
  return {
    ...test,
    agent,
    entryId,
    key: gatewayKey,
    wit: gatewayWit,
    witFields,
    async jwtSvid(audience = ISSUER) {
      const reply = await agent.call('/v1/agent/jwt-svids', { body: { entryId, audience: [audience] } })
      return reply.body.jwt.token
    },
    accessToken: (change = {}, key = loginKey) =>
      new AccessTokenIssuer(key, LOGIN).issue({
        subject: 'alice',
        audience: [ISSUER],
        clientId: 'browser',
        scopes: ['orders.read'],
        issuedAt: now(),
        expiresAt: now() + 250,
        id: 'id-1',
        ...change,
      }) as string,
    idToken: (claims = {}, header = {}) =>
      encodeToken(
        { alg: 'ES256', kid: 'login-1', ...header },
        { iss: LOGIN, sub: 'alice', aud: ISSUER, exp: now() + 250, iat: now(), nonce: 'n', ...claims },
        loginKey,
      ),
    grant: (change = {}) =>
      new ChainingGrantIssuer(partnerKey, PARTNER).issue({
        subject: 'bob',
        audience: ISSUER,
        scopes: ['orders.read'],
        issuedAt: now(),
        expiresAt: now() + 60,
        id: `grant-${count++}`,
        ...change,
      }) as string,
    selfSigned: (claims = {}) =>
      encodeToken(
        { alg: 'ES256' },
        { iss: GATEWAY, sub: 'nightly', aud: ISSUER, iat: now(), exp: now() + 60, ...claims },
        gatewayKey,
      ),
    assertion: (claims = {}) =>
      encodeToken(
        { alg: 'ES256', kid: 'batch-1' },
        { iss: 'batch', sub: 'batch', aud: ISSUER, jti: `jti-${count++}`, iat: now(), exp: now() + 60, ...claims },
        clientKey,
      ),
    exchange: (subject, type, form = {}) =>
      test.post(
        { grant_type: GRANT.exchange, subject_token: subject, subject_token_type: type, audience: ORDERS, ...form },
        witFields(),
      ),
    async granted(reply) {
      const { status, body: answer } = await reply
      if (status !== 200) throw new Error(`not granted: ${status} ${JSON.stringify(answer)}`)
      return answer.access_token
    },
  }
}

/** Asks for a Transaction Token instead. */
export const FOR_TRANSACTION = { requested_token_type: TYPE.txn, audience: 'example.org', scope: 'orders.read' }

export const credentialsForm = (token: string, type?: string) => ({
  grant_type: 'client_credentials',
  audience: ORDERS,
  ...assertionForm(token),
  ...(type === undefined ? {} : { client_assertion_type: type }),
})

export const bearerForm = (assertion: string) => ({ grant_type: GRANT.jwtBearer, assertion, audience: ORDERS })

/** Members that a refusal has, and no other: RFC 6749 section 5.2. */
const REFUSAL_MEMBERS = ['error', 'error_description']

/**
 * Holds a refusal to everything that the standards say of it, besides its status and error.
 *
 * @param expected as `400 invalid_request`
 * @param secrets texts of the request that must not come back, nor be in a log
 * @see RFC 6749 section 5.2; RFC 9110 section 15.5.2
 */
export function expectRefusal(reply: Reply, expected: string, secrets: readonly string[] = []): void {
  expect(`${reply.status} ${reply.body?.error}`).toBe(expected)
  expect(reply.headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
  expect(reply.headers['content-type']).toMatch(/^application\/json/)
  const challenge = reply.status === 401 ? `Bearer realm="${ISSUER}", error="${reply.body.error}"` : undefined
  expect(reply.headers['www-authenticate']).toBe(challenge)
  expect(Object.keys(reply.body)).toEqual(REFUSAL_MEMBERS)
  expect(reply.body.error_description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
  for (const secret of secrets) expect(reply.text).not.toContain(secret)
}
