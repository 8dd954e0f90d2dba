import type { PresentedToken } from '@countersign/plugin-kit'
import { describeTokenProfileIn, TestTokenProfileHost } from '@countersign/plugin-kit/contract'
import { type VerifiedWit, WitIssuer, WitVerifier, WorkloadId } from '@countersign/protocol'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { encodeToken, expectCode, mutateToken } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { SelfSignedIn } from './self-signed-in.ts'

const NOW = 1_800_000_000
const CRON = 'spiffe://example.org/cron'
const key = generateSigningKey('ES256', { kid: 'cron-1' })
const host = new TestTokenProfileHost({ now: NOW })
const CLAIMS = { iss: CRON, sub: 'nightly', aud: host.issuer, iat: NOW, exp: NOW + 60 }
const token = encodeToken({ alg: 'ES256' }, CLAIMS, key)
const half = new SelfSignedIn()

async function witOf(path: string, confirmationKey = key): Promise<VerifiedWit> {
  const wit = await new WitIssuer(host.witKey, 'wit-svid').issue({
    subject: WorkloadId.parse(`spiffe://example.org${path}`),
    confirmationKey: confirmationKey.publicJwk,
    now: NOW,
    ttlSeconds: 3600,
    id: 'wit-1',
  })
  return new WitVerifier({ trust: host.trust, crypto: host.crypto }).verify(wit, NOW)
}

const present = async (change: Partial<PresentedToken> = {}): Promise<PresentedToken> => ({
  token,
  role: 'subject',
  declaredType: 'urn:ietf:params:oauth:token-type:self_signed',
  proven: { jkt: new Set(), x5t: new Set() },
  provenWit: await witOf('/cron'),
  provenX509: undefined,
  now: NOW,
  ...change,
})
const changed = (claims: Record<string, unknown>, header = {}) => mutateToken(token, { claims, header, key })

describeTokenProfileIn('self-signed', async () => ({
  half,
  host,
  name: 'self-signed',
  presented: await present(),
  foreign: [changed({}, { typ: 'wpt+jwt' }), changed({}, { typ: 'at+jwt' }), changed({ iss: undefined })],
}))

describe('self-signed', () => {
  it('names a subject that is the own of the workload that signed', async () => {
    expect(await half.verify(await present(), host)).toMatchObject({
      issuer: 'example.org',
      issuerUrl: 'spiffe://example.org',
      subject: 'nightly',
      localSubject: `urn:countersign:self-signed:${CRON}:nightly`,
      scopes: undefined,
      expiresAt: NOW + 60,
    })
  })

  it('lets a workload speak for itself by its own name, and narrow what it may', async () => {
    const presented = await present({ token: changed({ sub: CRON, scope: 'a b' }) })
    expect(await half.verify(presented, host)).toMatchObject({ localSubject: CRON, scopes: ['a', 'b'] })
  })

  it('does not care what a workload calls its one key', async () => {
    const presented = await present({ token: changed({}, { kid: 'anything', typ: 'JWT' }) })
    expect((await half.verify(presented, host)).subject).toBe('nightly')
  })

  it.each<[string, Record<string, unknown>, string]>([
    ['for another service', { aud: 'https://other.example' }, 'ERR_CREDENTIAL_AUDIENCE'],
    ['for the token endpoint', { aud: host.tokenEndpoint }, 'ERR_CREDENTIAL_AUDIENCE'],
    ['for another service too', { aud: [host.issuer, 'https://other.example'] }, 'ERR_CREDENTIAL_AUDIENCE'],
    ['by another workload', { iss: 'spiffe://example.org/other' }, 'ERR_CREDENTIAL_ISSUER'],
    ['without sub', { sub: undefined }, 'ERR_CREDENTIAL_SUBJECT'],
    ['without iat', { iat: undefined }, 'ERR_CREDENTIAL_TOO_OLD'],
    ['without exp', { exp: undefined }, 'ERR_CREDENTIAL_MALFORMED'],
    ['that was made long ago', { iat: NOW - 331 }, 'ERR_CREDENTIAL_TOO_OLD'],
    ['that is made tomorrow', { iat: NOW + 86_400 }, 'ERR_CREDENTIAL_ISSUED_IN_FUTURE'],
    ['for a long time', { exp: NOW + 331 }, 'ERR_CREDENTIAL_LIFETIME'],
    ['whose scope cannot be read', { scope: 'a  b' }, 'ERR_CREDENTIAL_MALFORMED'],
  ])('refuses one %s', async (_, claims, code) => {
    await expectCode(half.verify(await present({ token: changed(claims) }), host), code)
  })

  it('needs the identity token of the signer, with the key that signed', async () => {
    await expectCode(half.verify(await present({ provenWit: undefined }), host), 'ERR_PROOF_MISSING')
    const other = await witOf('/cron', generateSigningKey('ES256'))
    await expectCode(half.verify(await present({ provenWit: other }), host), 'ERR_CREDENTIAL_SIGNATURE')
    const stranger = await witOf('/other')
    await expectCode(half.verify(await present({ provenWit: stranger }), host), 'ERR_CREDENTIAL_ISSUER')
  })
})
