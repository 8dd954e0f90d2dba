/** X509-SVIDs that the token service gives out, for keys that requests prove. */
import { decodePem, parseCertificate, verifyX509Svid } from '@countersign/protocol'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { describe, expect, it, vi } from 'vitest'
import { assertionForm, oauthError, startTokenService, WORKLOAD } from '../../test-support/token-service-world.ts'

vi.setConfig({ testTimeout: 60_000 })

const POD = 'spiffe://example.org/pod'
const X509_SVID = 'urn:countersign:token-type:x509-svid'
const RULE = {
  name: 'pod',
  grant: 'token-exchange',
  subject: { profile: 'service-account', issuer: 'cluster', subject: [WORKLOAD] },
  to: { profile: 'x509-svid', audience: ['example.org'], subject: POD, ttl: 600 },
}

async function start(config: object = {}) {
  const test = await startTokenService({ rules: [RULE], cluster: { reuse: true }, config })
  const key = generateSigningKey('ES256')
  const token = test.serviceAccountToken()
  const ask = (headers: Record<string, string> = { dpop: test.dpop(key) }, form: Record<string, string> = {}) =>
    test.post(
      {
        ...assertionForm(token),
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: token,
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        requested_token_type: X509_SVID,
        ...form,
      },
      headers,
    )
  const roots = async () => {
    const { body } = await test.admin('/v1/bundles/example.org')
    const keys: { use: string; x5c?: string[] }[] = body.bundle.keys
    return keys.flatMap(({ x5c }) => (x5c ?? []).map((der) => Buffer.from(der, 'base64')))
  }
  return { ...test, key, ask, roots }
}

describe('X509-SVIDs by token exchange', () => {
  it('are chains that relying parties believe, for the key that was proved', async () => {
    const test = await start()
    const { status, body } = await test.ask()
    expect([status, body.token_type, body.issued_token_type, body.expires_in]).toEqual([200, 'N_A', X509_SVID, 600])
    const chain = decodePem(body.access_token)
    const roots = await test.roots()
    const svid = await verifyX509Svid({ chain, crypto: nodeCrypto, now: test.clock.now(), roots: () => roots })
    expect(svid.id.toString()).toBe(POD)
    const leaf = parseCertificate(chain[0] ?? new Uint8Array())
    expect(Buffer.from(leaf.spki)).toEqual(Buffer.from(nodeCrypto.exportSpki(test.key.publicJwk) as Uint8Array))
    expect(test.log.events('credential.issued').at(-1)).toMatchObject({ kind: 'x509-svid', spiffeId: POD })
    const issued = test.log.events('token.issued').at(-1)
    expect(issued).toMatchObject({ rule: 'pod', profile: 'x509-svid', subject: POD, tokenId: expect.any(String) })
    expect(test.log.text).not.toContain('BEGIN CERTIFICATE')
  })

  it('are given to nobody who proves no key, or has no time left', async () => {
    const test = await start()
    expect(oauthError(await test.ask({}))).toBe('400 invalid_dpop_proof')
    const late = test.serviceAccountToken({ exp: test.clock.now() + 60 })
    const { body } = await test.ask(undefined, { subject_token: late, client_assertion: late })
    expect(body.expires_in).toBe(60)
  })

  it('are counted: who asks for too many waits', async () => {
    const test = await start({ svids: { issuanceRate: 1, issuanceBurst: 100 } })
    for (let count = 0; count < 100; count++) expect((await test.ask()).status).toBe(200)
    expect(oauthError(await test.ask())).toBe('503 temporarily_unavailable')
    test.clock.jump(1)
    expect((await test.ask()).status).toBe(200)
  })
})
