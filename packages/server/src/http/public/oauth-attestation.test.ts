import { thumbprintInput } from '@countersign/protocol'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { decodeToken, expectCode, mutateToken } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import {
  ACME,
  ATTESTED_CLIENT,
  attesterKey,
  CLIENT,
  CLIENT_RULE,
  startAttestationWorld,
} from '../../test-support/attestation-world.ts'
import { callHttps, type Reply } from '../../test-support/http-call.ts'
import { assertionForm, ISSUER, ORDERS, oauthError, startTokenService } from '../../test-support/token-service-world.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

const stranger = generateSigningKey('ES256', { kid: 'acme-1' })
const claimsOf = (reply: Reply) => decodeToken(reply.body.access_token).claims
const thumbprintOf = (key: { readonly publicJwk: Parameters<typeof thumbprintInput>[0] }) =>
  nodeCrypto.sha256Base64url(thumbprintInput(key.publicJwk))

describe('client attestation', () => {
  it('authenticates a client by its attester and a proof, again and again with new proofs', async () => {
    const test = await startAttestationWorld()
    const attestation = test.attestation()
    for (const _ of [1, 2]) {
      const reply = await test.ask(test.fields(attestation))
      expect(reply.status).toBe(200)
      expect(claimsOf(reply)).toMatchObject({
        sub: ATTESTED_CLIENT,
        client_id: ATTESTED_CLIENT,
        aud: ORDERS,
        cnf: { jkt: thumbprintOf(test.key) },
      })
    }
    const fields = test.fields(attestation)
    expect((await test.ask(fields, { client_id: CLIENT })).status).toBe(200)
    expect(oauthError(await test.ask(fields))).toBe('400 invalid_client_attestation')
    expect((await test.ask(test.fields(), { client_id: ATTESTED_CLIENT })).status).toBe(200)
    expect(oauthError(await test.ask(test.fields(), { client_id: 'other' }))).toBe('401 invalid_client')
  })

  it('binds the token to the key of a DPoP proof beside the proof of the attestation, whichever that is', async () => {
    const test = await startAttestationWorld()
    const other = generateSigningKey('ES256')
    const reply = await test.ask({ ...test.fields(), dpop: test.dpop(other) })
    expect(claimsOf(reply)).toMatchObject({ sub: ATTESTED_CLIENT, cnf: { jkt: thumbprintOf(other) } })
  })

  it('is proved by a DPoP proof of its key alone, and binds the token to it', async () => {
    const test = await startAttestationWorld()
    const { 'OAuth-Client-Attestation': attestation = '' } = test.fields()
    const ask = (dpop: string) => test.ask({ 'OAuth-Client-Attestation': attestation, dpop })
    const dpop = test.dpop(test.key)
    const reply = await ask(dpop)
    expect(reply.body.token_type).toBe('DPoP')
    expect(claimsOf(reply)).toMatchObject({ sub: ATTESTED_CLIENT, cnf: { jkt: thumbprintOf(test.key) } })
    expect(oauthError(await ask(dpop))).toBe('400 invalid_dpop_proof')
    expect(oauthError(await ask(test.dpop(generateSigningKey('ES256'))))).toBe('400 invalid_client_attestation')
  })

  it('gives a bearer token only where the rule says so', async () => {
    const rules = [{ ...CLIENT_RULE, to: { ...CLIENT_RULE.to, binding: 'none' } }]
    const test = await startAttestationWorld({}, { rules })
    const reply = await test.ask()
    expect(reply.body.token_type).toBe('Bearer')
    expect(claimsOf(reply)).not.toHaveProperty('cnf')
  })

  it('is worth nothing alone, and neither is its proof', async () => {
    const test = await startAttestationWorld()
    const { 'OAuth-Client-Attestation': attestation = '', ...proof } = test.fields()
    expect(oauthError(await test.ask({ 'OAuth-Client-Attestation': attestation }))).toBe(
      '400 invalid_client_attestation',
    )
    expect(oauthError(await test.ask(proof))).toBe('400 invalid_client_attestation')
    expect(oauthError(await test.ask({ ...proof, dpop: test.dpop(test.key) }))).toBe('400 invalid_client_attestation')
  })

  it('is refused, with its proof, for each thing that is wrong', async () => {
    const test = await startAttestationWorld()
    const attested = (change: object, key = attesterKey) =>
      test.fields(mutateToken(test.attestation(), { ...change, key }))
    const proved = (change: object, key = test.key) =>
      test.fields(undefined, mutateToken(test.pop(), { ...change, key }))
    const twice = (name: string) => ({ ...test.fields(), [name]: ['a.b.c', 'a.b.c'] as unknown as string })
    const refused: [string, Record<string, string>][] = [
      ['signed by a stranger', attested({}, stranger)],
      ['of another type', attested({ header: { typ: 'JWT' } })],
      ['without algorithm', attested({ header: { alg: 'none' } })],
      ['with a private key', attested({ claims: { cnf: { jwk: { ...test.key.publicJwk, d: 'AA' } } } })],
      ['of a key that is not there', attested({ claims: { cnf: undefined } })],
      ['from the future', attested({ claims: { iat: test.clock.now() + 31 } })],
      ['that came twice', twice('OAuth-Client-Attestation')],
      ['proved twice', twice('OAuth-Client-Attestation-PoP')],
      ['proved by a stranger', proved({}, stranger)],
      ['proved for the token endpoint', proved({ claims: { aud: `${ISSUER}/token` } })],
      ['proved long ago', proved({ claims: { iat: test.clock.now() - 90 } })],
      ['proved by a DPoP proof in the wrong field', test.fields(undefined, test.dpop(test.key))],
    ]
    for (const [what, headers] of refused) {
      expect(`${what}: ${oauthError(await test.ask(headers))}`).toBe(`${what}: 400 invalid_client_attestation`)
    }
    // A good one still is.
    const good = test.fields()
    expect((await test.ask(good)).status).toBe(200)
    for (const token of Object.values(good)) expect(test.log.text).not.toContain(token.split('.')[2])
  })

  it.each(['anonymous', 'spiffe://example.org/a', 'WIMSE://example.org/a', 'urn:countersign:user:alice'])(
    'gives nobody the name %s, which is of somebody else',
    async (name) => {
      const known = await startAttestationWorld()
      const subject = { profile: 'client-attestation', issuer: 'acme', anySubject: true }
      const test = await startTokenService({
        clock: known.clock,
        rules: [{ ...CLIENT_RULE, subject }],
        cluster: { ...ACME, subjectPrefix: '' },
      })
      const ask = (clientId: string) =>
        test.post({ grant_type: 'client_credentials' }, known.fields(known.attestation({ clientId })))
      expect((await ask('anonymous2')).status).toBe(200)
      expect(oauthError(await ask(name))).toBe('400 invalid_client_attestation')
    },
  )

  it('must be fresh', async () => {
    const test = await startAttestationWorld({ maxAge: 600 })
    const attestation = test.attestation()
    test.clock.jump(600)
    expect((await test.ask(test.fields(attestation))).status).toBe(200)
    test.clock.jump(31)
    expect(oauthError(await test.ask(test.fields(attestation)))).toBe('400 use_fresh_attestation')
    const short = test.attestation({ expiresAt: test.clock.now() + 60 })
    test.clock.jump(90)
    expect(oauthError(await test.ask(test.fields(short)))).toBe('400 use_fresh_attestation')
  })

  it('gives a token no more time than it has itself', async () => {
    const test = await startAttestationWorld()
    const reply = await test.ask(test.fields(test.attestation({ expiresAt: test.clock.now() + 60 })))
    expect(reply.body.expires_in).toBe(60)
  })

  it('is held to what the attester must say, and passes on what rules may know', async () => {
    const to = { ...CLIENT_RULE.to, claims: ['version'] }
    const acme = { requiredClaims: { tenant: ['one'] }, claims: { version: 'version' } }
    const test = await startAttestationWorld(acme, { rules: [{ ...CLIENT_RULE, to }] })
    const ask = (claims: Record<string, unknown>) => test.ask(test.fields(test.attestation({ claims })))
    expect(claimsOf(await ask({ tenant: 'one', version: '7' }))).toMatchObject({ version: '7' })
    expect(oauthError(await ask({ tenant: 'two', version: '7' }))).toBe('400 invalid_client_attestation')
  })

  it('is one method of authentication, and no other beside it', async () => {
    const test = await startAttestationWorld()
    const form = assertionForm(test.serviceAccountToken())
    expect(oauthError(await test.ask(test.fields(), form))).toBe('400 invalid_request')
    expect(oauthError(await test.ask(test.fields(), { client_secret: 'x' }))).toBe('401 invalid_client')
  })

  it('names no client that no rule knows', async () => {
    const rules = [{ ...CLIENT_RULE, subject: { ...CLIENT_RULE.subject, subject: ['https://other.example'] } }]
    const test = await startAttestationWorld({}, { rules })
    expect(oauthError(await test.ask())).toBe('400 unauthorized_client')
  })

  it('counts for introspection and revocation too', async () => {
    const resourceServers = [{ client: CLIENT_RULE.subject, audience: [ORDERS] }]
    const test = await startAttestationWorld({}, { resourceServers })
    const { access_token: token } = (await test.ask()).body
    const at = (path: string) => test.post({ token }, test.fields(), `/oauth2/${path}`)
    expect((await at('introspect')).body).toMatchObject({ active: true, client_id: ATTESTED_CLIENT })
    expect((await at('revoke')).status).toBe(200)
    expect((await at('introspect')).body).toEqual({ active: false })
    expect(oauthError(await test.post({ token }, {}, '/oauth2/introspect'))).toBe('401 invalid_client')
  })

  it('is taken on the word of no attester but those that are configured', async () => {
    const known = await startAttestationWorld()
    const test = await startTokenService({ clock: known.clock })
    const reply = await test.post({ grant_type: 'client_credentials' }, known.fields())
    expect(oauthError(reply)).toBe('400 invalid_client_attestation')
    await expectCode(startTokenService({ cluster: { maxAge: 60 } }), 'ERR_EXCHANGE_ISSUER')
    const elsewhere = [
      // Nothing is made of an attestation, and no other issuer gives any.
      { ...CLIENT_RULE, grant: 'token-exchange' },
      { ...CLIENT_RULE, subject: { ...CLIENT_RULE.subject, issuer: 'cluster' } },
      { ...CLIENT_RULE, subject: { ...CLIENT_RULE.subject, issuer: 'example.org' } },
    ]
    for (const rule of elsewhere) {
      await expectCode(startAttestationWorld({}, { rules: [rule] }), 'ERR_EXCHANGE_RULES')
    }
  })
})

describe('challenge', () => {
  const metadataOf = async (publicUrl: string) =>
    (await callHttps(new URL('/.well-known/oauth-authorization-server/oauth2', publicUrl).href)).body

  it('is asked for where the server gives any, which it does with every answer and at its own endpoint', async () => {
    const test = await startAttestationWorld({}, { tokenService: { attestationChallenge: true, dpopNonce: true } })
    const { challenge_endpoint: endpoint } = await metadataOf(test.server.publicUrl)
    expect(endpoint).toBe('https://id.example.org/oauth2/challenge')
    const url = new URL(new URL(endpoint).pathname, test.server.publicUrl).href
    const reply = await callHttps(url, { method: 'POST' })
    const challenge: string = reply.body.attestation_challenge
    expect([reply.status, reply.headers['cache-control'], reply.headers['content-type']]).toEqual([
      200,
      'no-store',
      expect.stringMatching(/^application\/json/),
    ])
    expect(reply.headers['dpop-nonce']).toMatch(/^[\w-]{43}$/)
    expect(challenge).toMatch(/^[\w-]{43}$/)
    expect(challenge).not.toBe(reply.headers['dpop-nonce'])
    const ask = (given?: string) =>
      test.ask(test.fields(undefined, test.pop(given === undefined ? {} : { challenge: given })))
    expect((await ask(challenge)).status).toBe(200)
    for (const given of [undefined, 'mine', reply.headers['dpop-nonce'] as string]) {
      const refused = await ask(given)
      expect(oauthError(refused)).toBe('400 use_attestation_challenge')
      expect(refused.headers['oauth-client-attestation-challenge']).toBe(challenge)
    }
    test.clock.jump(240)
    const late = await ask(challenge)
    expect(oauthError(late)).toBe('400 use_attestation_challenge')
    expect((await ask(late.headers['oauth-client-attestation-challenge'] as string)).status).toBe(200)
  })

  it('is the nonce where a DPoP proof is the proof', async () => {
    const test = await startAttestationWorld({}, { tokenService: { attestationChallenge: true, dpopNonce: true } })
    const { 'OAuth-Client-Attestation': attestation = '' } = test.fields()
    const ask = (nonce?: string) =>
      test.ask({ 'OAuth-Client-Attestation': attestation, dpop: test.dpop(test.key, nonce) })
    const refused = await ask()
    expect(oauthError(refused)).toBe('400 use_dpop_nonce')
    expect((await ask(refused.headers['dpop-nonce'] as string)).status).toBe(200)
  })

  it('is nowhere where the server gives none', async () => {
    const test = await startAttestationWorld()
    const metadata = await metadataOf(test.server.publicUrl)
    expect(metadata).not.toHaveProperty('challenge_endpoint')
    expect(metadata.token_endpoint_auth_methods_supported).toEqual(
      expect.arrayContaining(['attest_jwt_client_auth', 'attest_jwt_client_auth_dpop', 'spiffe_wit']),
    )
    expect(metadata.client_attestation_pop_methods_supported).toEqual(['attestation_pop_jwt', 'dpop_combined', 'none'])
    expect(metadata.client_attestation_signing_alg_values_supported).toContain('ES256')
    expect(metadata.client_attestation_pop_signing_alg_values_supported).not.toContain('HS256')
    expect((await test.ask()).headers).not.toHaveProperty('oauth-client-attestation-challenge')
    const url = new URL('/oauth2/challenge', test.server.publicUrl).href
    expect((await callHttps(url, { method: 'POST' })).status).toBe(404)
  })
})
