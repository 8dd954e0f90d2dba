/** Anything in any parameter or field. Whatever it is, the answer is the client's fault and never the server's. */
import { encodeToken } from '@countersign/testing'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import {
  type AttackWorld,
  bearerForm,
  credentialsForm,
  expectRefusal,
  FOR_TRANSACTION,
  GRANT,
  loginKey,
  partnerKey,
  startAttackWorld,
  TYPE,
} from '../../test-support/attack-world.ts'
import type { Reply } from '../../test-support/http-call.ts'
import { ISSUER } from '../../test-support/token-service-world.ts'

vi.setConfig({ testTimeout: 120_000 })

const PEM = '-----BEGIN CERTIFICATE-----'
const VALUES = [
  ' ',
  '.',
  '..',
  'a.b.c',
  'e30.e30.AA',
  `${'.'.repeat(1000)}`,
  'eyJhbGciOiJFUzI1NiJ9.e30.AA',
  'eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.W10.AA',
  PEM,
  `${PEM}\nAAAA\n-----END CERTIFICATE-----\n`,
  `${PEM}\n!!!\n-----END CERTIFICATE-----\n`,
  '{}',
  '{"sub":{"sub":"a"}}',
  '[]',
  'null',
  '{"a":'.repeat(500),
  '__proto__',
  'constructor',
  'toString',
  '../../../etc/passwd',
  '%00',
  '\u0000',
  '\ufeff',
  '\r\nSet-Cookie: a=b',
  "'; DROP TABLE used_tokens; --",
  'x'.repeat(16_384),
  'x'.repeat(20_000),
  '😀'.repeat(500),
  '-1',
  '1e999',
  'urn:ietf:params:oauth:token-type:jwt',
  'spiffe://example.org/gateway',
]

/** Of these, what somebody could take for a token. */
const SHAPES = VALUES.slice(1, 17)

/** Requests that would be granted, each with the fields that it needs. */
const requestsOf = (
  test: AttackWorld,
): Readonly<Record<string, () => [Record<string, string>, Record<string, string>]>> => ({
  client_credentials: () => [credentialsForm(test.serviceAccountToken()), {}],
  exchange: () => [
    {
      grant_type: GRANT.exchange,
      subject_token: test.accessToken(),
      subject_token_type: TYPE.access,
      actor_token: test.accessToken(),
      actor_token_type: TYPE.access,
      audience: 'https://orders.example',
      requested_token_type: TYPE.access,
      scope: 'orders.read',
      resource: 'https://orders.example',
    },
    test.witFields(),
  ],
  transaction: () => [
    {
      grant_type: GRANT.exchange,
      subject_token: test.accessToken(),
      subject_token_type: TYPE.access,
      ...FOR_TRANSACTION,
      request_details: '{}',
      request_context: '{}',
    },
    test.witFields(),
  ],
  'jwt-bearer': () => [bearerForm(test.grant()), {}],
})

function expectClientsFault(reply: Reply, context: string): void {
  if (reply.status === 200) return
  expect([400, 401], `${context}: ${reply.status} ${reply.text.slice(0, 200)}`).toContain(reply.status)
  expectRefusal(reply, `${reply.status} ${reply.body?.error}`)
}

describe('garbage', () => {
  it('in a parameter is refused, and breaks nothing', async () => {
    const test = await startAttackWorld()
    const tried = new Set<string>()
    for (const [name, make] of Object.entries(requestsOf(test))) {
      const [form] = make()
      // Most are read by one and the same code for all grants.
      for (const parameter of [...Object.keys(form), 'client_id', 'unknown'].filter((each) => !tried.has(each))) {
        tried.add(parameter)
        for (const value of VALUES) {
          const [good, fields] = make()
          const reply = await test.post({ ...good, [parameter]: value }, fields)
          expectClientsFault(reply, `${name} ${parameter} ${JSON.stringify(value.slice(0, 40))}`)
        }
      }
    }
    for (const path of ['/oauth2/introspect', '/oauth2/revoke']) {
      for (const token of VALUES) {
        const form = { ...credentialsForm(test.serviceAccountToken()), token, token_type_hint: token }
        expectClientsFault(await test.post(form, {}, path), `${path} ${token.slice(0, 40)}`)
      }
    }
    expect(test.log.lines.filter(({ level }) => level === 'error')).toEqual([])
  })

  it('under every type of token is refused, as subject and as actor', async () => {
    const test = await startAttackWorld()
    for (const type of [...Object.values(TYPE), 'urn:ietf:params:oauth:token-type:saml2']) {
      for (const value of SHAPES) {
        const subject = await test.exchange(value, type, type === TYPE.unsigned ? FOR_TRANSACTION : {})
        expectClientsFault(subject, `subject ${type} ${value.slice(0, 40)}`)
        expect(subject.status).not.toBe(200)
        const actor = { actor_token: value, actor_token_type: type }
        const reply = await test.exchange(test.accessToken(), TYPE.access, actor)
        expectClientsFault(reply, `actor ${type} ${value.slice(0, 40)}`)
        expect(reply.status).not.toBe(200)
      }
    }
    expect(test.log.lines.filter(({ level }) => level === 'error')).toEqual([])
  })

  it('in claims that their issuer signed is refused, or means what it says', async () => {
    const test = await startAttackWorld()
    const now = test.clock.now()
    const names = [
      'iss',
      'sub',
      'aud',
      'exp',
      'nbf',
      'iat',
      'jti',
      'scope',
      'client_id',
      'cnf',
      'act',
      'may_act',
      'azp',
      'txn',
    ]
    const claim = fc.constantFrom(...names, 'requested_cnf', 'kubernetes.io', 'nonce', 'typ')
    const any = fc.jsonValue({ maxDepth: 3 })
    const base = { aud: ISSUER, iat: now, exp: now + 60, sub: 'alice' }
    const shown = {
      access: (claims: object) =>
        test.exchange(
          encodeToken(
            { alg: 'ES256', kid: 'login-1', typ: 'at+jwt' },
            { ...base, iss: 'https://login.example', client_id: 'c', jti: 'j', scope: 'orders.read', ...claims },
            loginKey,
          ),
          TYPE.access,
        ),
      id: (claims: object) => test.exchange(test.idToken(claims), TYPE.id),
      grant: (claims: object) =>
        test.post(
          bearerForm(
            encodeToken(
              { alg: 'ES256', kid: 'partner-1', typ: 'authorization-grant+jwt' },
              { ...base, iss: 'https://as.partner.example', ...claims },
              partnerKey,
            ),
          ),
        ),
      client: (claims: object) => test.post(credentialsForm(test.serviceAccountToken(claims))),
      own: (claims: object) => test.post(credentialsForm(test.assertion(claims))),
      selfSigned: (claims: object) => test.exchange(test.selfSigned(claims), TYPE.selfSigned, FOR_TRANSACTION),
    }
    const property = fc.asyncProperty(fc.dictionary(claim, any, { minKeys: 1, maxKeys: 3 }), async (claims) => {
      for (const [name, show] of Object.entries(shown)) {
        expectClientsFault(await show({ ...claims }), `${name} ${JSON.stringify(claims)}`)
      }
    })
    await fc.assert(property, { numRuns: 40, seed: 6 })
    expect(test.log.lines.filter(({ level }) => level === 'error')).toEqual([])
  })
})
