import {
  decodeBase64,
  JwtSvidVerifier,
  parseCertificate,
  parseSpiffeBundle,
  TrustStore,
  verifyX509Svid,
  WitVerifier,
} from '@countersign/protocol'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { RecoveryStore } from '../store/recovery-store.ts'
import { LIFETIME, openTestAuthorities, trustDomain } from '../test-support/test-authorities.ts'
import { openTestGate } from '../test-support/test-gate.ts'
import { SvidIssuer } from './svid-issuer.ts'

const spiffeId = 'spiffe://example.org/db'

async function open() {
  const opened = await openTestAuthorities()
  const stored = await opened.bundles.get(trustDomain)
  return { ...opened, bundle: parseSpiffeBundle(trustDomain, stored?.bundle) }
}

describe('SvidIssuer.issueX509', () => {
  const issue = async (change: object = {}) => {
    const opened = await open()
    const { publicJwk: publicKey } = generateSigningKey('ES256')
    const request = { kind: 'x509-svid', spiffeId, publicKey, ttlSeconds: 3600, ...change } as const
    return { ...opened, svid: await opened.issuer.issueX509(request) }
  }

  it('issues what a verifier accepts on both sides of TLS', async () => {
    const { svid, bundle, clock } = await issue({ dnsNames: ['db.example.org'] })
    const chain = svid.chain.map(decodeBase64)
    const roots = (origin: string) => (origin === 'spiffe://example.org' ? bundle.x509Authorities : undefined)
    for (const usage of ['clientAuth', 'serverAuth'] as const) {
      const verified = await verifyX509Svid({ chain, roots, now: clock.now(), crypto: nodeCrypto, usage })
      expect(verified.id.toString()).toBe(spiffeId)
      expect(verified.leaf.dnsSans).toEqual(['db.example.org'])
    }
  })

  it('begins ten seconds ago and ends after the lifetime', async () => {
    const { svid, clock } = await issue()
    const leaf = parseCertificate(decodeBase64(svid.chain[0] ?? ''))
    expect(leaf.notBefore).toBe(clock.now() - 10)
    expect(leaf.notAfter).toBe(clock.now() + 3600)
    expect(svid.expiresAt).toBe(clock.now() + 3600)
  })

  it('ends no later than the authority, and no later than asked', async () => {
    const long = await issue({ ttlSeconds: 1_000_000 })
    expect(long.svid.expiresAt).toBe(long.clock.now() + LIFETIME)
    const ending = await issue({ endsAt: 1_800_000_100 })
    expect(ending.svid.expiresAt).toBe(1_800_000_100)
  })

  it('refuses to issue something that is over already', () =>
    expectCode(issue({ endsAt: 1_800_000_000 }), 'ERR_AUTHORITY_NONE_ACTIVE'))

  it('gives every certificate another positive serial number of 128 bits, and audits it', async () => {
    const { svid, issuer, log } = await issue({ agentId: 'agent', entryId: 'entry' })
    const { publicJwk: publicKey } = generateSigningKey('ES256')
    const other = await issuer.issueX509({ kind: 'x509-svid', spiffeId, publicKey, ttlSeconds: 60 })
    expect(svid.serial).toMatch(/^[4-7][0-9a-f]{31}$/)
    expect(other.serial).not.toBe(svid.serial)
    expect(log.events('credential.issued')[0]).toMatchObject({
      kind: 'x509-svid',
      spiffeId,
      serial: svid.serial,
      agentId: 'agent',
      entryId: 'entry',
    })
  })

  it('refuses keys that are private, weak or no keys', async () => {
    await expectCode(issue({ publicKey: generateSigningKey('ES256').exportJwk() }), 'ERR_KEY_PRIVATE')
    await expectCode(issue({ publicKey: { kty: 'RSA', n: 'AQAB', e: 'AQAB' } }), 'ERR_KEY_WEAK')
    await expectCode(issue({ publicKey: 'key' }), 'ERR_KEY_MALFORMED')
    const { publicJwk } = generateSigningKey('ES256')
    await expectCode(issue({ publicKey: { ...publicJwk, y: publicJwk.x } }), 'ERR_KEY_MALFORMED')
  })
})

describe('SvidIssuer tokens', () => {
  it('issues JWT-SVIDs that verify for their audience, with iat, jti and no iss', async () => {
    const { issuer, bundle, clock, log } = await open()
    const trust = new TrustStore(nodeCrypto)
    trust.setBundle(bundle)
    const request = { spiffeId, ttlSeconds: 300, audience: ['https://a', 'https://b'] }
    const { token, issuedAt, expiresAt } = await issuer.issueJwt(request)
    const { claims } = await new JwtSvidVerifier({ trust }).verify(token, 'https://b', clock.now())
    expect(claims).toEqual({
      sub: spiffeId,
      aud: ['https://a', 'https://b'],
      iat: clock.now(),
      exp: clock.now() + 300,
      jti: expect.stringMatching(/^[\w-]{22}$/),
    })
    expect({ issuedAt, expiresAt }).toEqual({ issuedAt: claims['iat'], expiresAt: claims['exp'] })
    expect(log.events('credential.issued').at(-1)).toMatchObject({ kind: 'jwt-svid', serial: claims['jti'] })
    expect(log.text).not.toContain(token)
    const again = await issuer.issueJwt(request)
    expect(again.token).not.toBe(token)
  })

  it('adds iss where it is configured', async () => {
    const { authorities, audit, clock, gate } = await open()
    const issuer = new SvidIssuer({
      authorities,
      gate,
      audit,
      clock,
      crypto: nodeCrypto,
      jwtIssuer: 'https://id.example.org',
    })
    const { token } = await issuer.issueJwt({ spiffeId, ttlSeconds: 300, audience: ['a'] })
    const [, payload = ''] = token.split('.')
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())['iss']).toBe('https://id.example.org')
  })

  it('gives a WIT-SVID no iss, so that it never passes for an ID token', async () => {
    const { authorities, audit, clock, gate } = await open()
    const jwtIssuer = 'https://id.example.org'
    const issuer = new SvidIssuer({ authorities, gate, audit, clock, crypto: nodeCrypto, jwtIssuer })
    const { publicJwk: publicKey } = generateSigningKey('ES256')
    const { token } = await issuer.issueWit({ spiffeId, publicKey, ttlSeconds: 300 })
    const [, payload = ''] = token.split('.')
    expect(Object.keys(JSON.parse(Buffer.from(payload, 'base64url').toString())).sort()).toEqual([
      'cnf',
      'exp',
      'iat',
      'jti',
      'sub',
    ])
  })

  it('issues WIT-SVIDs that bind the key, and clamps them', async () => {
    const { issuer, bundle, clock } = await open()
    const trust = new TrustStore(nodeCrypto)
    trust.setBundle(bundle)
    const { publicJwk } = generateSigningKey('ES256')
    const { token, expiresAt } = await issuer.issueWit({ spiffeId, publicKey: publicJwk, ttlSeconds: 1_000_000 })
    const wit = await new WitVerifier({ trust, crypto: nodeCrypto, profile: 'wit-svid' }).verify(token, clock.now())
    expect(wit.subject.toString()).toBe(spiffeId)
    expect(wit.confirmationJwk).toEqual(publicJwk)
    expect(wit.claims).toMatchObject({ iat: clock.now(), exp: clock.now() + LIFETIME })
    expect(expiresAt).toBe(clock.now() + LIFETIME)
    expect(wit.claims['jti']).toMatch(/^[\w-]{22}$/)
  })

  it('refuses WIT-SVIDs for keys without alg or with EdDSA', async () => {
    const { issuer } = await open()
    const { alg: _, ...nameless } = generateSigningKey('ES256').publicJwk
    const issue = (publicKey: object) => issuer.issueWit({ spiffeId, publicKey, ttlSeconds: 60 })
    await expectCode(issue(nameless), 'ERR_KEY_ALGORITHM_MISMATCH')
    await expectCode(issue(generateSigningKey('EdDSA').publicJwk), 'ERR_ISSUANCE_ALGORITHM')
  })

  it('signs with the new authority after rotation, and old tokens stay good until their end', async () => {
    const { issuer, authorities, bundles, clock } = await open()
    const before = await issuer.issueJwt({ spiffeId, ttlSeconds: LIFETIME, audience: ['a'] })
    for (const share of [1 / 2, 1 / 3]) {
      clock.jump(LIFETIME * share)
      await authorities.tick()
    }
    const after = await issuer.issueJwt({ spiffeId, ttlSeconds: 60, audience: ['a'] })
    const stored = await bundles.get(trustDomain)
    const trust = new TrustStore(nodeCrypto)
    trust.setBundle(parseSpiffeBundle(trustDomain, stored?.bundle))
    const verifier = new JwtSvidVerifier({ trust })
    await verifier.verify(before.token, 'a', clock.now())
    await verifier.verify(after.token, 'a', clock.now())
    const kidOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString())['kid']
    expect(kidOf(after.token)).not.toBe(kidOf(before.token))
  })
})

describe('SvidIssuer on hold', () => {
  const issueEach = (issuer: SvidIssuer) => {
    const { publicJwk: publicKey } = generateSigningKey('ES256')
    const common = { spiffeId, publicKey, ttlSeconds: 60 }
    return {
      workload: () => issuer.issueX509({ kind: 'x509-svid', ...common }),
      agent: () => issuer.issueX509({ kind: 'agent-svid', ...common }),
      wit: () => issuer.issueWit(common),
      jwt: () => issuer.issueJwt({ spiffeId, ttlSeconds: 60, audience: ['a'] }),
      server: () => issuer.issueX509({ kind: 'server-svid', ...common }),
    }
  }

  it('signs nothing by a clock that runs back', async () => {
    const { issuer, clock } = await open()
    clock.jump(-3600)
    for (const issue of Object.values(issueEach(issuer))) await expectCode(issue(), 'ERR_HOLD_CLOCK')
  })

  it('signs nothing but the own identity while its memory is old', async () => {
    const { authorities, audit, clock, store } = await open()
    await new RecoveryStore(store, trustDomain).putOnHold('restored', 1000)
    const gate = await openTestGate(store, clock)
    const { server, ...others } = issueEach(new SvidIssuer({ authorities, gate, audit, clock, crypto: nodeCrypto }))
    for (const issue of Object.values(others)) await expectCode(issue(), 'ERR_HOLD_RESTORED')
    expect((await server()).spiffeId).toBe(spiffeId)
  })
})
