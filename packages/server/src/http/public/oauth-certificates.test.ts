/** X509-SVIDs as clients of the token service, and tokens that are bound to them. */
import { createHash, X509Certificate } from 'node:crypto'
import { decodeBase64, encodePem } from '@countersign/protocol'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { decodeToken, FakeClock } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import { CertificateMaker, realNow } from '../../test-support/certificate-maker.ts'
import { callHttps } from '../../test-support/http-call.ts'
import { createEntry } from '../../test-support/machine-requests.ts'
import {
  assertionForm,
  ORDERS,
  oauthError,
  startTokenService,
  WORKLOAD_RULE,
} from '../../test-support/token-service-world.ts'
import { encodeKeyPem } from '../../tls/tls-credential.ts'

vi.setConfig({ testTimeout: 60_000 })

const GATEWAY = 'spiffe://example.org/a'
const TYPE = { access: 'urn:ietf:params:oauth:token-type:access_token', svid: 'urn:countersign:token-type:x509-svid' }
const party = { profile: 'x509-svid', issuer: 'example.org', subject: [GATEWAY] }
const toOrders = { profile: 'access-token', audience: [ORDERS], scopes: ['orders.read'] }
const RULES = [
  WORKLOAD_RULE,
  { name: 'own', grant: 'client_credentials', subject: party, to: { ...toOrders, binding: 'required' } },
  { name: 'swap', grant: 'token-exchange', subject: party, to: toOrders },
  {
    name: 'again',
    grant: 'token-exchange',
    subject: { profile: 'access-token', issuer: 'self', anySubject: true, audience: [ORDERS] },
    client: party,
    to: { ...toOrders, audience: ['https://billing.example'], subject: 'gateway' },
  },
]

type Credential = { readonly key: string; readonly cert: string }

async function start(clientCertificates = true) {
  const test = await startTokenService({
    rules: RULES,
    cluster: { reuse: true },
    clock: new FakeClock(realNow()),
    config: { public: { host: '127.0.0.1', port: 0, clientCertificates } },
  })
  const agent = await test.attestedAgent()
  const { id: entryId } = await createEntry(test, agent, { spiffeId: GATEWAY })
  const credential = async (): Promise<Credential> => {
    const key = generateSigningKey('ES256')
    const body = { requests: [{ entryId, publicKey: key.publicJwk }] }
    const { svids } = (await agent.call('/v1/agent/x509-svids', { body })).body
    return { key: encodeKeyPem(key.exportPkcs8()), cert: encodePem(svids[0].credential.chain.map(decodeBase64)) }
  }
  const { origin } = new URL(test.server.publicUrl)
  return {
    ...test,
    agent,
    credential,
    origin,
    by: (tls: Credential | undefined, form: Readonly<Record<string, string>>, headers: Record<string, string> = {}) =>
      callHttps(`${origin}/oauth2/token`, {
        method: 'POST',
        text: new URLSearchParams(form).toString(),
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
        ...tls,
      }),
  }
}

const OWN = { grant_type: 'client_credentials', client_id: GATEWAY }
const exchange = (subject: string, type: string) => ({
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  client_id: GATEWAY,
  subject_token: subject,
  subject_token_type: type,
})
const thumbprintOf = ({ cert }: Credential) =>
  createHash('sha256').update(new X509Certificate(cert).raw).digest('base64url')

describe('spiffe_x509', () => {
  it('takes the X509-SVID of the connection, and binds the token to it', async () => {
    const test = await start()
    const tls = await test.credential()
    const { body } = await test.by(tls, OWN)
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 300 })
    expect(decodeToken(body.access_token).claims).toMatchObject({
      sub: GATEWAY,
      client_id: GATEWAY,
      cnf: { 'x5t#S256': thumbprintOf(tls) },
    })
    const metadata = await callHttps(`${test.origin}/.well-known/oauth-authorization-server/oauth2`)
    expect(metadata.body.tls_client_certificate_bound_access_tokens).toBe(true)
    expect(metadata.body.token_endpoint_auth_methods_supported).toContain('spiffe_x509')
  })

  it('binds a token to the key of a DPoP proof rather than to the certificate', async () => {
    const test = await start()
    const { body } = await test.by(await test.credential(), OWN, { dpop: test.dpop(generateSigningKey('ES256')) })
    expect(body.token_type).toBe('DPoP')
  })

  it.each<[string, Readonly<Record<string, string>>]>([
    ['without client_id', { client_id: '' }],
    ['with the client_id of another', { client_id: `${GATEWAY}b` }],
    ['with its client_id in other letters', { client_id: 'SPIFFE://example.org/a' }],
    ['with a secret', { client_secret: 'x' }],
  ])('refuses a client %s', async (_, form) => {
    const test = await start()
    expect(oauthError(await test.by(await test.credential(), { ...OWN, ...form }))).toBe('401 invalid_client')
  })

  it('refuses a client without certificate, or with one of another authority, however it is named', async () => {
    const test = await start()
    expect(oauthError(await test.by(undefined, OWN))).toBe('401 invalid_client')
    for (const trustDomain of ['example.org', 'other.example']) {
      const maker = await CertificateMaker.create(trustDomain)
      const now = test.clock.now()
      const { key, cert } = await maker.svid(GATEWAY.replace('example.org', trustDomain), {
        notBefore: now - 60,
        notAfter: now + 60,
      })
      const form = { ...OWN, client_id: GATEWAY.replace('example.org', trustDomain) }
      expect(oauthError(await test.by({ key: String(key), cert: String(cert) }, form))).toBe('401 invalid_client')
    }
    expect(test.log.events('token.refused').map(({ reason }) => reason)).toEqual(
      expect.arrayContaining(['ERR_CERTIFICATE_UNTRUSTED', 'ERR_CERTIFICATE_TRUST_DOMAIN_UNKNOWN']),
    )
  })

  it('refuses a certificate that has expired', async () => {
    const test = await start()
    const tls = await test.credential()
    await test.clock.advance(3700)
    expect(oauthError(await test.by(tls, OWN))).toBe('401 invalid_client')
    expect(test.log.events('token.refused').at(-1)).toMatchObject({ reason: 'ERR_CERTIFICATE_EXPIRED' })
  })

  it('refuses a certificate that was revoked', async () => {
    const test = await start()
    const { agentId, tls } = test.agent
    const ask = () => test.by(tls, { ...OWN, client_id: agentId })
    // Known, and no rule is for it.
    expect(oauthError(await ask())).toBe('400 unauthorized_client')
    expect((await test.admin('/v1/nodes/evict', { body: { agentId } })).status).toBe(200)
    await vi.waitFor(async () => expect(oauthError(await ask())).toBe('401 invalid_client'), { timeout: 20_000 })
    expect(test.log.events('token.refused').at(-1)).toMatchObject({ reason: 'ERR_CERTIFICATE_REVOKED' })
  })

  it('refuses a certificate that does not hold also where the client authenticates otherwise', async () => {
    const test = await start()
    const { key, cert } = await (await CertificateMaker.create('other.example')).svid('spiffe://other.example/a')
    const form = { grant_type: 'client_credentials', ...assertionForm(test.serviceAccountToken()) }
    expect((await test.by(undefined, form)).status).toBe(200)
    expect(oauthError(await test.by({ key: String(key), cert: String(cert) }, form))).toBe('401 invalid_client')
  })

  it('binds the token of a client that authenticates otherwise to its certificate', async () => {
    const test = await start()
    const tls = await test.credential()
    const form = { grant_type: 'client_credentials', ...assertionForm(test.serviceAccountToken()) }
    const { body } = await test.by(tls, form)
    expect(decodeToken(body.access_token).claims).toMatchObject({ cnf: { 'x5t#S256': thumbprintOf(tls) } })
  })

  it('exchanges a token that is bound to a certificate only over a connection by it', async () => {
    const test = await start()
    const [tls, other] = [await test.credential(), await test.credential()]
    const { access_token: token } = (await test.by(tls, OWN)).body
    expect((await test.by(tls, exchange(token, TYPE.access))).status).toBe(200)
    expect(oauthError(await test.by(other, exchange(token, TYPE.access)))).toBe('400 invalid_request')
    expect(test.log.events('token.refused').at(-1)).toMatchObject({ detail: 'again: subject.proof' })
  })

  it('takes the X509-SVID of the connection as subject, and no other', async () => {
    const test = await start()
    const [tls, other] = [await test.credential(), await test.credential()]
    const { body } = await test.by(tls, exchange(tls.cert, TYPE.svid))
    expect(decodeToken(body.access_token).claims).toMatchObject({ sub: GATEWAY })
    expect(oauthError(await test.by(tls, exchange(other.cert, TYPE.svid)))).toBe('400 invalid_request')
    expect(oauthError(await test.by(tls, exchange(tls.cert, TYPE.access)))).toBe('400 invalid_request')
  })

  it('looks at no certificate unless told to', async () => {
    const test = await start(false)
    expect(oauthError(await test.by(await test.credential(), OWN))).toBe('401 invalid_client')
    const metadata = await callHttps(`${test.origin}/.well-known/oauth-authorization-server/oauth2`)
    expect(metadata.body).not.toHaveProperty('tls_client_certificate_bound_access_tokens')
    expect(metadata.body.token_endpoint_auth_methods_supported).not.toContain('spiffe_x509')
  })
})
