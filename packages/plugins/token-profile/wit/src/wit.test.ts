import type { PresentedToken } from '@countersign/plugin-kit'
import { describeTokenProfileIn, describeTokenProfileOut, TestTokenProfileHost } from '@countersign/plugin-kit/contract'
import { thumbprintInput, WitVerifier } from '@countersign/protocol'
import type { ExchangedSubject, TokenOrder } from '@countersign/protocol/exchange'
import { generateSigningKey, type NodeSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { decodeToken, expectCode, FakeIssuer, mutateToken } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { WitIn } from './wit-in.ts'
import { WitOut } from './wit-out.ts'

const NOW = 1_800_000_000
const thumbprintOf = (key: NodeSigningKey) => nodeCrypto.sha256Base64url(thumbprintInput(key.publicJwk))

function createWorld() {
  const host = new TestTokenProfileHost({ now: NOW })
  const domain = new FakeIssuer({ jwtKey: host.jwtKey, witKey: host.witKey })
  const workload = domain.workload('/a')
  return { host, domain, workload, token: workload.wit(NOW) }
}

const present = (token: string, change: Partial<PresentedToken> = {}): PresentedToken => ({
  token,
  role: 'subject',
  declaredType: 'urn:countersign:token-type:wit',
  proven: { jkt: new Set(), x5t: new Set() },
  provenWit: undefined,
  provenX509: undefined,
  now: NOW,
  ...change,
})

const provenBy = (...keys: NodeSigningKey[]) => ({
  proven: { jkt: new Set(keys.map(thumbprintOf)), x5t: new Set<string>() },
})

describeTokenProfileIn('wit', () => {
  const { host, domain, workload, token } = createWorld()
  return {
    half: new WitIn(),
    host,
    name: 'wit',
    presented: present(token, provenBy(workload.key)),
    foreign: [
      domain.jwtSvid('/a', ['https://as.example.org'], NOW),
      mutateToken(token, { header: { typ: 'JWT' }, key: host.witKey }),
      mutateToken(token, { header: { typ: 'at+jwt' }, key: host.witKey }),
    ],
  }
})

const KEY = generateSigningKey('ES256')
const ORDER: TokenOrder = {
  subject: 'spiffe://example.org/b',
  audience: ['example.org'],
  scopes: [],
  clientId: 'spiffe://example.org/a',
  actor: undefined,
  claims: {},
  confirmation: { kind: 'jkt', thumbprint: thumbprintOf(KEY) },
  confirmationKey: KEY.publicJwk,
  issuedAt: NOW,
  expiresAt: NOW + 300,
  source: {} as ExchangedSubject,
  transaction: undefined,
}

describeTokenProfileOut('wit', () => ({
  half: new WitOut(),
  host: createWorld().host,
  order: ORDER,
  read: ({ token }) => ({ expiresAt: decodeToken(token).claims['exp'] as number }),
}))

describe('wit', () => {
  it('takes one whose key a DPoP proof proved, or that came with its own proof', async () => {
    const { host, workload, token } = createWorld()
    const expected = {
      issuer: 'example.org',
      subject: 'spiffe://example.org/a',
      audience: undefined,
      confirmation: { kind: 'jkt', thumbprint: thumbprintOf(workload.key) },
    }
    expect(await new WitIn().verify(present(token, provenBy(workload.key)), host)).toMatchObject(expected)
    const provenWit = await new WitVerifier({ trust: host.trust, crypto: nodeCrypto }).verify(token, NOW)
    expect(await new WitIn().verify(present(token, { provenWit }), host)).toMatchObject(expected)
  })

  it('is never a bearer token, in no role', async () => {
    const { host, domain, token } = createWorld()
    const half = new WitIn()
    for (const role of half.roles) await expectCode(half.verify(present(token, { role }), host), 'ERR_PROOF_MISSING')
    await expectCode(half.verify(present(token, provenBy(KEY)), host), 'ERR_PROOF_MISSING')
    const other = domain.workload('/b').wit(NOW)
    const provenWit = await new WitVerifier({ trust: host.trust, crypto: nodeCrypto }).verify(other, NOW)
    await expectCode(half.verify(present(token, { provenWit }), host), 'ERR_PROOF_MISSING')
  })

  it('confirms the key that was proved, and no other', async () => {
    const { host } = createWorld()
    const { token } = await new WitOut().issue(ORDER, host)
    expect(decodeToken(token).claims['cnf']).toEqual({ jwk: KEY.publicJwk })
  })

  it.each<[string, Partial<TokenOrder>, string]>([
    ['no key', { confirmationKey: undefined }, 'ERR_OAUTH_INVALID_DPOP_PROOF'],
    ['a key that was not proved', { confirmation: undefined }, 'ERR_OAUTH_INVALID_DPOP_PROOF'],
    [
      'another key than was proved',
      { confirmationKey: generateSigningKey('ES256').publicJwk },
      'ERR_OAUTH_INVALID_DPOP_PROOF',
    ],
    ['a workload of another domain', { subject: 'spiffe://other.example/a' }, 'ERR_OAUTH_INVALID_REQUEST'],
    ['somebody for whom another acts', { actor: { subject: 'b' } }, 'ERR_OAUTH_INVALID_REQUEST'],
    ['a scope', { scopes: ['a'] }, 'ERR_OAUTH_INVALID_SCOPE'],
  ])('gives none for %s', async (_, change, code) => {
    await expectCode(new WitOut().issue({ ...ORDER, ...change }, createWorld().host), code)
  })

  it('gives none for a key that a WIT-SVID must not have', async () => {
    const key = generateSigningKey('EdDSA')
    const confirmation = { kind: 'jkt', thumbprint: thumbprintOf(key) } as const
    const order = { ...ORDER, confirmation, confirmationKey: key.publicJwk }
    await expectCode(new WitOut().issue(order, createWorld().host), 'ERR_OAUTH_INVALID_DPOP_PROOF')
  })
})
