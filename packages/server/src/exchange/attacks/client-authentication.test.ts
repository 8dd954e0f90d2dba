/** Clients that prove who they are twice, by a secret, or not as who they say they are. */
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { describe, expect, it, vi } from 'vitest'
import {
  type AttackWorld,
  bearerForm,
  credentialsForm,
  expectRefusal,
  GATEWAY,
  GRANT,
  startAttackWorld,
  TYPE,
} from '../../test-support/attack-world.ts'
import { CLUSTER, ORDERS, TOKEN_ENDPOINT, WORKLOAD } from '../../test-support/token-service-world.ts'

vi.setConfig({ testTimeout: 60_000 })

const SPIFFE_ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe'
const BASIC = `Basic ${Buffer.from('batch:s3cr3t').toString('base64')}`
const own = { grant_type: 'client_credentials', audience: ORDERS }

/** Each way for a client to prove itself: form and fields. */
const waysOf = async (test: AttackWorld) => ({
  'service account token': { form: credentialsForm(test.serviceAccountToken()), fields: {} },
  'assertion of its own': { form: credentialsForm(test.assertion()), fields: {} },
  'JWT-SVID': { form: credentialsForm(await test.jwtSvid(), SPIFFE_ASSERTION), fields: {} },
  WIT: { form: own, fields: test.witFields() },
})

describe('client authentication', () => {
  it('is by one method: two are refused, whichever they are', async () => {
    const test = await startAttackWorld()
    const { WIT, ...assertions } = await waysOf(test)
    for (const { form } of Object.values(assertions)) {
      expectRefusal(await test.post(form, test.witFields()), '400 invalid_request')
    }
    expect((await test.post(WIT.form, WIT.fields)).status).toBe(200)
    // An assertion that nobody reads is a second method as well.
    const unread = [
      { client_assertion: test.serviceAccountToken() },
      { client_assertion_type: 'urn:x' },
      { client_assertion: test.serviceAccountToken(), client_assertion_type: 'urn:x' },
    ]
    for (const form of unread) {
      expectRefusal(await test.post({ ...own, ...form }, test.witFields()), '400 invalid_request')
    }
  })

  it('is by no secret, in the form or in a field, alone or beside something better', async () => {
    const test = await startAttackWorld()
    for (const { form, fields } of Object.values(await waysOf(test))) {
      const inForm = { ...form, client_id: 'batch', client_secret: 's3cr3t' }
      expectRefusal(await test.post(inForm, fields), '401 invalid_client', ['s3cr3t'])
    }
    for (const { form, fields } of Object.values(await waysOf(test))) {
      expectRefusal(await test.post(form, { ...fields, authorization: BASIC }), '400 invalid_request')
    }
    for (const authorization of [BASIC, 'Basic', 'Bearer x', `DPoP ${test.wit}`, 'x']) {
      expectRefusal(await test.post(own, { authorization }), '401 invalid_client')
      for (const path of ['/oauth2/introspect', '/oauth2/revoke']) {
        expectRefusal(await test.post({ token: 'x' }, { authorization }, path), '401 invalid_client')
      }
    }
    expect(test.log.text).not.toContain(BASIC.slice(6))
    expect(test.log.text).not.toContain('s3cr3t')
  })

  it('is not left out by naming somebody who needs none', async () => {
    const test = await startAttackWorld()
    expect((await test.post(bearerForm(test.grant()))).status).toBe(200)
    // Whoever tries to prove something and fails is not nobody.
    expectRefusal(await test.post(bearerForm(test.grant()), { authorization: BASIC }), '401 invalid_client')
    const broken = { client_assertion_type: 'urn:x', client_assertion: 'x' }
    expectRefusal(await test.post({ ...bearerForm(test.grant()), ...broken }), '401 invalid_client')
    for (const client_id of ['anonymous', GATEWAY, 'batch']) {
      expectRefusal(await test.post({ ...own, client_id }), '401 invalid_client')
      const exchange = {
        grant_type: GRANT.exchange,
        subject_token: test.accessToken(),
        subject_token_type: TYPE.access,
      }
      expectRefusal(await test.post({ ...exchange, client_id }), '401 invalid_client')
    }
  })

  it('is as the client that is named', async () => {
    const test = await startAttackWorld()
    for (const [name, { form, fields }] of Object.entries(await waysOf(test))) {
      for (const client_id of ['other', 'anonymous', 'k8s/', CLUSTER, `${GATEWAY}/b`, ' batch', 'BATCH', '*']) {
        const reply = await test.post({ ...form, client_id }, fields)
        expect(reply.status, `${name} as ${client_id}`).toBe(401)
        expectRefusal(reply, '401 invalid_client')
        // Proofs and assertions are good once.
        Object.assign(fields, name === 'WIT' ? test.witFields() : {})
        Object.assign(form, name === 'assertion of its own' ? credentialsForm(test.assertion()) : {})
      }
    }
    const named = [
      { ...credentialsForm(test.serviceAccountToken()), client_id: `k8s/${WORKLOAD}` },
      { ...credentialsForm(test.assertion()), client_id: 'batch' },
    ]
    for (const form of named) expect((await test.post(form)).status).toBe(200)
  })

  it('is refused for an assertion that is for somebody else as well, or for another name of this server', async () => {
    const test = await startAttackWorld()
    const issuer = 'https://id.example.org/oauth2'
    const audiences = [
      TOKEN_ENDPOINT,
      [issuer, TOKEN_ENDPOINT],
      [issuer, 'https://other.example'],
      [issuer, issuer],
      `${issuer}/`,
      'https://id.example.org',
      'https://ID.example.org/oauth2',
      issuer.toUpperCase(),
      [],
      [[issuer]],
      null,
      undefined,
      { 0: issuer },
    ]
    for (const aud of audiences) {
      expectRefusal(await test.post(credentialsForm(test.serviceAccountToken({ aud }))), '401 invalid_client')
      expectRefusal(await test.post(credentialsForm(test.assertion({ aud }))), '401 invalid_client')
    }
    expectRefusal(
      await test.post(credentialsForm(await test.jwtSvid(TOKEN_ENDPOINT), SPIFFE_ASSERTION)),
      '401 invalid_client',
    )
    const elsewhere = { ...test.witFields(), 'workload-proof-token': 'x' }
    expectRefusal(await test.post(own, elsewhere), '401 invalid_client')
  })

  it('is of a client that a platform vouches for under its own name: none is like that of another way', async () => {
    const test = await startAttackWorld()
    for (const claims of [
      { iss: 'batch', sub: 'batch' },
      { iss: 'batch' },
      { sub: 'batch' },
      { iss: CLUSTER, sub: CLUSTER },
      { iss: null, sub: null },
      { iss: ['batch'], sub: ['batch'] },
    ]) {
      expectRefusal(await test.post(credentialsForm(test.serviceAccountToken(claims))), '401 invalid_client')
    }
    for (const claims of [{ sub: WORKLOAD }, { iss: CLUSTER }, { iss: CLUSTER, sub: WORKLOAD }, { iss: undefined }]) {
      expectRefusal(await test.post(credentialsForm(test.assertion(claims))), '401 invalid_client')
    }
  })

  it('asks for proof by the key of the very WIT that is shown', async () => {
    const test = await startAttackWorld()
    const thief = generateSigningKey('ES256')
    expectRefusal(await test.post(own, test.witFields(test.wit, thief)), '401 invalid_client')
    const { 'workload-identity-token': wit = '' } = test.witFields()
    expectRefusal(await test.post(own, { 'workload-identity-token': wit }), '401 invalid_client')
    // With a DPoP proof by the key of the thief beside it, which proves another key.
    const fields = { 'workload-identity-token': wit, dpop: test.dpop(thief) }
    expectRefusal(await test.post(own, fields), '401 invalid_client')
  })
})
