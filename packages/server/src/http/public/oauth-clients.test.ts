import { generateSigningKey } from '@countersign/protocol/keys-node'
import { decodeToken, encodeToken, expectCode } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import { validateClients } from '../../exchange/registered-clients.ts'
import type { ClientConfig, IssuerConfig } from '../../exchange/token-service-schema.ts'
import { assertionForm, ISSUER, ORDERS, oauthError, startTokenService } from '../../test-support/token-service-world.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

const key = generateSigningKey('ES256', { kid: 'batch-1' })
const RULE = {
  name: 'batch',
  grant: 'client_credentials',
  subject: { profile: 'registered-client', issuer: 'clients', subject: ['batch'] },
  to: { profile: 'access-token', audience: [ORDERS], scopes: ['orders.read'] },
}

/** A little ahead of the clock of a new world. */
const FUTURE = 1_800_000_300

async function start() {
  const test = await startTokenService({
    rules: [RULE],
    cluster: { subjectPrefix: 'k8s/' },
    tokenService: { clients: [{ id: 'batch', jwks: { keys: [key.publicJwk] } }] },
  })
  const assertion = (claims: object = {}) => {
    const now = test.clock.now()
    const content = { iss: 'batch', sub: 'batch', aud: ISSUER, jti: 'one', iat: now, exp: now + 60, ...claims }
    return encodeToken({ alg: 'ES256', kid: 'batch-1' }, content, key)
  }
  const ask = (token: string) => test.post({ grant_type: 'client_credentials', ...assertionForm(token) })
  return { ...test, assertion, ask }
}

describe('registered client', () => {
  it('proves itself by its own key, once for each assertion', async () => {
    const test = await start()
    const token = test.assertion()
    const { body } = await test.ask(token)
    expect(body.expires_in).toBe(300)
    expect(decodeToken(body.access_token).claims).toMatchObject({ sub: 'batch', client_id: 'batch' })
    expect(oauthError(await test.ask(token))).toBe('401 invalid_client')
  })

  it.each([
    ['without an id', { jti: undefined }],
    ['for the token endpoint', { aud: `${ISSUER}/token` }],
    ['of a client that is not registered', { iss: 'other', sub: 'other' }],
    ['about another client', { sub: 'other' }],
    ['of somebody else', { iss: 'https://kubernetes.default.svc.cluster.local' }],
    ['that has expired', { exp: 1 }],
    ['from the future', { iat: FUTURE, exp: FUTURE + 60 }],
  ])('is refused with an assertion %s', async (_, claims) => {
    const test = await start()
    expect(oauthError(await test.ask(test.assertion(claims)))).toBe('401 invalid_client')
  })

  const client = (id: string) => ({ id }) as ClientConfig
  const issuer = (subjectPrefix: string) => ({ name: 'cluster', subjectPrefix }) as IssuerConfig

  it.each<[string, ClientConfig[], IssuerConfig[]]>([
    ['the id of another', [client('a'), client('a')], []],
    ['the name of nobody', [client('anonymous')], []],
    ['the name of a workload', [client('SPIFFE://example.org/a')], []],
    ['a name that an issuer could give', [client('k8s/a')], [issuer('k8s/')]],
    ['any name beside an issuer without prefix', [client('a')], [issuer('')]],
  ])('has not %s', async (_, clients, issuers) => {
    await expectCode(() => validateClients(clients, issuers), 'ERR_EXCHANGE_CLIENT')
  })

  it('says what to change where it cannot stand beside an issuer', async () => {
    const refusal = (id: string, prefix: string) =>
      expectCode(() => validateClients([client(id)], [issuer(prefix)]), 'ERR_EXCHANGE_CLIENT')
    expect((await refusal('a', '')).message).toBe(
      'client "a": issuer "cluster" could name a subject like it: beside "clients" each issuer needs a "subjectPrefix", such as "cluster/"',
    )
    expect((await refusal('k8s/a', 'k8s/')).message).toMatch(
      /begins with the "subjectPrefix" of issuer "cluster".*another id/,
    )
  })

  it('has a name of its own', () => {
    expect(() => validateClients([client('a'), client('b')], [issuer('k8s/')])).not.toThrow()
  })
})
