import { createHash, createPrivateKey, randomUUID } from 'node:crypto'
import { HttpSignatureBuilder, thumbprintInput, WptBuilder } from '@countersign/protocol'
import { ClientAttestationPopBuilder } from '@countersign/protocol/exchange'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { decodeToken, mutateToken } from '@countersign/testing'
import { createSigner, httpbis } from 'http-message-signatures'
import { describe, expect, it, vi } from 'vitest'
import { createEntry } from '../../test-support/machine-requests.ts'
import {
  ISSUER,
  ORDERS,
  oauthError,
  startTokenService,
  TOKEN_ENDPOINT,
} from '../../test-support/token-service-world.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

const GATEWAY = 'spiffe://example.org/a'
const PARTY = { profile: 'wit', issuer: 'example.org', subject: [GATEWAY] }
const RULE = {
  name: 'own',
  grant: 'client_credentials',
  subject: PARTY,
  to: { profile: 'access-token', audience: [ORDERS], scopes: ['orders.read'] },
}
const FORM = 'application/x-www-form-urlencoded'
const BODY = 'grant_type=client_credentials&scope=orders.read'

type Fields = Record<string, string>

interface Signing {
  readonly body?: string
  readonly target?: string
  readonly audience?: string
  readonly method?: string
  readonly headers?: Fields
  readonly signer?: ReturnType<typeof generateSigningKey>
  readonly signResponse?: boolean
  readonly ttlSeconds?: number
}

/** A gateway that has a WIT. */
async function start() {
  const test = await startTokenService({
    rules: [RULE],
    resourceServers: [{ client: PARTY, audience: [ORDERS] }],
  })
  const agent = await test.attestedAgent()
  const { id: entryId } = await createEntry(test, agent, { spiffeId: GATEWAY })
  const key = generateSigningKey('ES256')
  const reply = await agent.call('/v1/agent/wit-svids', { body: { requests: [{ entryId, publicKey: key.publicJwk }] } })
  const wit: string = reply.body.svids[0].wit.token
  const now = () => test.clock.now()
  return {
    ...test,
    key,
    wit,
    /** The fields by which a request is signed. */
    signed({
      body = BODY,
      target = '/oauth2/token',
      method = 'POST',
      headers = {},
      signer = key,
      ...content
    }: Signing = {}): Fields {
      const rawHeaders = Object.entries({ 'content-type': FORM, ...headers }).flat()
      const request = { method, target, rawHeaders, body: new TextEncoder().encode(body) }
      const options = { now: now(), audience: TOKEN_ENDPOINT, ...content }
      const { rawHeaders: added } = new HttpSignatureBuilder(wit, signer, nodeCrypto).signRequest(request, options) as {
        rawHeaders: readonly string[]
      }
      return { ...headers, ...toFields(added) }
    },
    wpt: (audience = TOKEN_ENDPOINT, signer = key): Fields => ({
      'workload-proof-token': new WptBuilder(wit, signer, nodeCrypto).build({ audience, now: now() }) as string,
    }),
    attested: (token = wit, signer = key, audience = ISSUER): Fields => ({
      'oauth-client-attestation': token,
      'oauth-client-attestation-pop': new ClientAttestationPopBuilder(signer, nodeCrypto).build({
        audience,
        now: now(),
      }) as string,
    }),
  }
}

function toFields(raw: readonly string[]): Fields {
  const fields: Fields = {}
  for (let index = 0; index + 1 < raw.length; index += 2) {
    fields[(raw[index] as string).toLowerCase()] = raw[index + 1] as string
  }
  return fields
}

const thumbprintOf = (key: ReturnType<typeof generateSigningKey>) =>
  nodeCrypto.sha256Base64url(thumbprintInput(key.publicJwk))

describe('WIT with an HTTP message signature', () => {
  it('authenticates a workload for exactly one request, and binds the token to its key', async () => {
    const test = await start()
    const fields = test.signed()
    const reply = await test.post(BODY, fields)
    expect(reply.status).toBe(200)
    expect(decodeToken(reply.body.access_token).claims).toMatchObject({
      sub: GATEWAY,
      client_id: GATEWAY,
      cnf: { jkt: thumbprintOf(test.key) },
    })
    expect(oauthError(await test.post(BODY, fields))).toBe('401 invalid_client')
    expect((await test.post(BODY, test.signed({ audience: ISSUER }))).status).toBe(200)
  })

  it('is taken from another implementation of RFC 9421', async () => {
    const test = await start()
    const now = test.clock.now()
    const digest = createHash('sha256').update(BODY).digest('base64')
    const privateKey = createPrivateKey({ key: Buffer.from(test.key.exportPkcs8()), format: 'der', type: 'pkcs8' })
    const fields = ['@method', '@request-target', 'workload-identity-token', 'content-type', 'content-digest']
    const sign = (covered: readonly string[]) =>
      httpbis.signMessage(
        {
          key: createSigner(privateKey, 'ecdsa-p256-sha256'),
          name: 'wimse',
          fields: covered.map((name) => `"${name}"`),
          params: ['created', 'expires', 'nonce', 'tag', 'wimse-aud'],
          paramValues: {
            created: new Date(now * 1000),
            expires: new Date((now + 60) * 1000),
            nonce: randomUUID(),
            tag: 'wimse-workload-to-workload',
            'wimse-aud': TOKEN_ENDPOINT,
          },
        },
        {
          method: 'POST',
          url: TOKEN_ENDPOINT,
          headers: {
            'content-type': FORM,
            'content-digest': `sha-256=:${digest}:`,
            'workload-identity-token': test.wit,
          },
        },
      )
    const { headers } = await sign(fields)
    expect((await test.post(BODY, headers as Fields)).status).toBe(200)
    for (const left of fields) {
      const { headers: less } = await sign(fields.filter((name) => name !== left))
      expect(`without ${left}: ${oauthError(await test.post(BODY, less as Fields))}`).toBe(
        `without ${left}: 401 invalid_client`,
      )
    }
  })

  it('covers the form, byte for byte', async () => {
    const test = await start()
    const wider = `${BODY}%20orders.write`
    expect(oauthError(await test.post(wider, test.signed()))).toBe('401 invalid_client')
    // Two forms that mean the same.
    expect(oauthError(await test.post(`${BODY}&`.slice(0, -1).replace('read', '%72ead'), test.signed()))).toBe(
      '401 invalid_client',
    )
    const { 'content-digest': _, ...bare } = test.signed()
    expect(oauthError(await test.post(BODY, bare))).toBe('401 invalid_client')
    // Signed as if there were no content: the digest is there, and covered by nothing.
    const empty = test.signed({ body: '' })
    const { 'content-digest': digest = '' } = test.signed()
    expect(oauthError(await test.post(BODY, { ...empty, 'content-digest': digest }))).toBe('401 invalid_client')
    expect(oauthError(await test.post(BODY, empty))).toBe('401 invalid_client')
  })

  it.each<[string, Signing]>([
    ['another method', { method: 'PUT' }],
    ['another endpoint', { target: '/oauth2/introspect' }],
    ['another audience', { audience: 'https://evil.example/token' }],
    ['another endpoint as audience', { audience: 'https://id.example.org/oauth2/introspect' }],
    ['another type of content', { headers: { 'content-type': 'application/json' } }],
    ['longer than a signature may live', { ttlSeconds: 301 }],
    ['another key', { signer: generateSigningKey('ES256') }],
  ])('is refused when it is made for %s', async (_, signing) => {
    const test = await start()
    const { 'content-type': __, ...fields } = test.signed(signing)
    expect(oauthError(await test.post(BODY, fields))).toBe('401 invalid_client')
  })

  it('is refused when it has expired, or lacks one of its fields', async () => {
    const test = await start()
    for (const name of ['signature', 'signature-input']) {
      const { [name]: _, ...rest } = test.signed()
      expect(oauthError(await test.post(BODY, rest))).toBe('401 invalid_client')
    }
    const fields = test.signed()
    test.clock.jump(90)
    expect(oauthError(await test.post(BODY, fields))).toBe('401 invalid_client')
  })

  it('is refused when the client takes no unsigned answer: none is signed here', async () => {
    const test = await start()
    expect(oauthError(await test.post(BODY, test.signed({ signResponse: true })))).toBe('400 invalid_request')
  })

  it('may come with a proof token, and then both must hold', async () => {
    const test = await start()
    expect((await test.post(BODY, { ...test.signed(), ...test.wpt() })).status).toBe(200)
    const wrongToken = { ...test.signed(), ...test.wpt(TOKEN_ENDPOINT, generateSigningKey('ES256')) }
    expect(oauthError(await test.post(BODY, wrongToken))).toBe('401 invalid_client')
    const wrongSignature = { ...test.signed({ target: '/other' }), ...test.wpt() }
    expect(oauthError(await test.post(BODY, wrongSignature))).toBe('401 invalid_client')
    // Whatever others sign on the way is none of this.
    const other = { signature: 'sig=:AAAA:', 'signature-input': 'sig=("@method");created=1;tag="proxy"' }
    const fields = { 'workload-identity-token': test.wit, ...test.wpt() }
    expect((await test.post(BODY, { ...fields, ...other })).status).toBe(200)
    expect(oauthError(await test.post(BODY, { 'workload-identity-token': test.wit, ...other }))).toBe(
      '401 invalid_client',
    )
  })

  it('is refused without any proof', async () => {
    const test = await start()
    const alone = { 'workload-identity-token': test.wit }
    expect(oauthError(await test.post(BODY, alone))).toBe('401 invalid_client')
    const { 'content-digest': digest = '' } = test.signed()
    expect(oauthError(await test.post(BODY, { ...alone, 'content-digest': digest }))).toBe('401 invalid_client')
  })

  it('counts for introspection and revocation, each for itself', async () => {
    const test = await start()
    const { access_token: token } = (await test.post(BODY, test.signed())).body
    const body = `token=${token}`
    const at = (path: string, target = path) => {
      const audience = `https://id.example.org/oauth2/${target}`
      return test.post(body, test.signed({ body, target: `/oauth2/${target}`, audience }), `/oauth2/${path}`)
    }
    expect((await at('introspect')).body).toMatchObject({ active: true, client_id: GATEWAY })
    expect(oauthError(await at('revoke', 'introspect'))).toBe('401 invalid_client')
    expect((await at('revoke')).status).toBe(200)
    expect((await at('introspect')).body).toEqual({ active: false })
  })
})

describe('WIT-SVID in the place of a client attestation', () => {
  it('authenticates a workload with a proof of possession, and binds the token to its key', async () => {
    const test = await start()
    const fields = test.attested()
    const reply = await test.post(`${BODY}&client_id=${encodeURIComponent(GATEWAY)}`, fields)
    expect(reply.status).toBe(200)
    expect(decodeToken(reply.body.access_token).claims).toMatchObject({
      sub: GATEWAY,
      client_id: GATEWAY,
      cnf: { jkt: thumbprintOf(test.key) },
    })
    expect(oauthError(await test.post(BODY, fields))).toBe('400 invalid_client_attestation')
    const other = `${BODY}&client_id=${encodeURIComponent(`${GATEWAY}b`)}`
    expect(oauthError(await test.post(other, test.attested()))).toBe('401 invalid_client')
  })

  it('is refused without that proof, or with one that is not for this', async () => {
    const test = await start()
    const { 'oauth-client-attestation': attestation = '' } = test.attested()
    const refused: [string, Fields][] = [
      ['alone', { 'oauth-client-attestation': attestation }],
      ['with DPoP', { 'oauth-client-attestation': attestation, dpop: test.dpop(test.key) }],
      ['with a proof token', { 'oauth-client-attestation': attestation, ...test.wpt() }],
      ['by another key', test.attested(test.wit, generateSigningKey('ES256'))],
      ['for another server', test.attested(test.wit, test.key, 'https://other.example')],
      ['that was changed', test.attested(mutateToken(test.wit, { claims: { sub: `${GATEWAY}b` } }))],
      ['by a key of nobody', test.attested(mutateToken(test.wit, { key: test.key }))],
    ]
    for (const [what, headers] of refused) {
      expect(`${what}: ${oauthError(await test.post(BODY, headers))}`).toBe(`${what}: 400 invalid_client_attestation`)
    }
    test.clock.jump(24 * 3600)
    expect(oauthError(await test.post(BODY, test.attested()))).toBe('400 use_fresh_attestation')
  })

  it('is one method, and a WIT in its own field is another', async () => {
    const test = await start()
    const both = { ...test.attested(), 'workload-identity-token': test.wit, ...test.wpt() }
    expect(oauthError(await test.post(BODY, both))).toBe('400 invalid_request')
  })
})
