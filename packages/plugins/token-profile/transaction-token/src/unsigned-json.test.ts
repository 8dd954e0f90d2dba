import type { PresentedToken } from '@countersign/plugin-kit'
import { describeTokenProfileIn, TestTokenProfileHost } from '@countersign/plugin-kit/contract'
import { expectCode, FakeIssuer } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { UnsignedJsonIn } from './unsigned-json-in.ts'

const NOW = 1_800_000_000
const host = new TestTokenProfileHost({ now: NOW })
const half = new UnsignedJsonIn()
const domain = new FakeIssuer()

const present = (subject: object | string): PresentedToken => ({
  token: typeof subject === 'string' ? subject : JSON.stringify(subject),
  role: 'subject',
  declaredType: 'urn:ietf:params:oauth:token-type:unsigned_json',
  proven: { jkt: new Set(), x5t: new Set() },
  provenWit: undefined,
  provenX509: undefined,
  now: NOW,
})

describeTokenProfileIn('unsigned-json', () => ({
  half,
  host,
  name: 'unsigned-json',
  presented: present({ sub: 'nightly', exp: NOW + 60 }),
  foreign: [domain.workload('/a').wit(NOW), '{"sub":""}', '{"sub":1}', '{"subject":"a"}', '["sub"]'],
}))

describe('unsigned-json', () => {
  it('gives a subject a name that nobody else gives', async () => {
    expect(await half.verify(present({ sub: 'login/alice', extra: 1 }), host)).toMatchObject({
      issuer: 'example.org',
      subject: 'login/alice',
      localSubject: 'urn:countersign:unsigned-json:login/alice',
      claims: {},
      scopes: undefined,
      expiresAt: NOW + 300,
    })
  })

  it('is good for a request and no longer, whatever it says', async () => {
    expect((await half.verify(present({ sub: 'a', exp: NOW + 86_400 }), host)).expiresAt).toBe(NOW + 300)
  })

  it('narrows what it may by its own scope', async () => {
    expect((await half.verify(present({ sub: 'a', scope: 'x y' }), host)).scopes).toEqual(['x', 'y'])
  })

  it.each<[string, object | string, string]>([
    ['with two subjects', '{"sub":"a","sub":"b"}', 'ERR_CREDENTIAL_MALFORMED'],
    ['without subject', { subject: 'a' }, 'ERR_CREDENTIAL_SUBJECT'],
    ['that has expired', { sub: 'a', exp: NOW }, 'ERR_CREDENTIAL_EXPIRED'],
    ['whose end is no time', { sub: 'a', exp: 'tomorrow' }, 'ERR_CREDENTIAL_MALFORMED'],
    ['whose scope cannot be read', { sub: 'a', scope: 1 }, 'ERR_CREDENTIAL_MALFORMED'],
    ['that is too long', { sub: 'x'.repeat(4096) }, 'ERR_CREDENTIAL_MALFORMED'],
  ])('refuses one %s', async (_, subject, code) => {
    await expectCode(half.verify(present(subject), host), code)
  })
})
