import { decodeUnverifiedJws, errorCode } from '@countersign/protocol'
import type { ExchangedSubject, IssuedToken, TokenOrder } from '@countersign/protocol/exchange'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PresentedToken, TokenProfileHost, TokenProfileIn, TokenProfileOut } from '../plugin/token-profile.ts'
import { expectNotQuoted, expectRefusal } from './expectations.ts'

/** The half that takes tokens, with one that it accepts. */
export interface TokenProfileInFixture {
  readonly half: TokenProfileIn
  readonly host: TokenProfileHost
  /** Name under which the profile is registered. */
  readonly name: string
  /** Genuine, and proven as it has to be. */
  readonly presented: PresentedToken
  /** Tokens of other types, which it must not take for its own. At least one. */
  readonly foreign: readonly string[]
  readonly dispose?: () => void | Promise<void>
}

const GARBAGE = ['', 'a', 'a.b', 'a.b.c', '..', '{}', 'eyJhbGciOiJub25lIn0.e30.', '\u0000', 'x'.repeat(20_000)]

/** As a token service asks. */
function recognises(half: TokenProfileIn, token: string): boolean {
  try {
    return half.recognises(token, decodeUnverifiedJws(token))
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return half.recognises(token, undefined)
  }
}

/** The contract of `TokenProfileIn`: call it in a plugin's test file. */
export function describeTokenProfileIn(
  name: string,
  factory: () => TokenProfileInFixture | Promise<TokenProfileInFixture>,
): void {
  describe(`${name} keeps the contract of token profiles that take tokens`, () => {
    let fixture: TokenProfileInFixture
    const verify = (change: Partial<PresentedToken> = {}): Promise<ExchangedSubject> =>
      fixture.half.verify({ ...fixture.presented, ...change }, fixture.host)

    beforeEach(async () => {
      fixture = await factory()
    })
    afterEach(() => fixture.dispose?.())

    it('names its types and roles', () => {
      const { half, presented } = fixture
      expect(half.tokenTypes.length).toBeGreaterThan(0)
      expect(half.tokenTypes).toContain(presented.declaredType)
      expect(half.roles).toContain(presented.role)
      expect(half.vouchers.length).toBeGreaterThan(0)
    })

    it('is good without a proof of its key only where it says so', async () => {
      const nothing = { proven: { jkt: new Set<string>(), x5t: new Set<string>() } }
      const unproved = verify({ ...nothing, provenWit: undefined, provenX509: undefined })
      if (fixture.half.isBound) await expectRefusal(unproved, /^ERR_PROOF_/)
      else expect((await unproved).subject).not.toBe('')
    })

    it('recognises its own and says what it means', async () => {
      const { half, presented, name: registered } = fixture
      expect(recognises(half, presented.token)).toBe(true)
      const subject = await verify()
      expect(subject.profile).toBe(registered)
      expect(subject.subject).not.toBe('')
      expect(subject.localSubject.endsWith(subject.subject)).toBe(true)
      expect(subject.issuer).not.toBe('')
      expect(subject.expiresAt).toBeGreaterThan(presented.now)
      expect(subject.digest).toMatch(/^[\w-]{43}$/)
      expect(JSON.stringify(subject)).not.toContain(presented.token)
    })

    it('recognises nothing else, whatever it is, and does not fail over it', () => {
      const { half, foreign } = fixture
      expect(foreign.length).toBeGreaterThan(0)
      for (const token of [...foreign, ...GARBAGE]) expect(recognises(half, token)).toBe(false)
    })

    it('refuses tokens of other types, without quoting them', async () => {
      for (const token of fixture.foreign) {
        const error = await expectRefusal(verify({ token }), /^ERR_(?:CREDENTIAL|PROOF|CERTIFICATE|KEY)_/)
        expectNotQuoted(error, token)
      }
    })

    it('refuses a token that was changed', async () => {
      const { token } = fixture.presented
      const [header = '', claims = '', signature = ''] = token.split('.')
      const other = signature.startsWith('A') ? `B${signature.slice(1)}` : `A${signature.slice(1)}`
      const error = await expectRefusal(verify({ token: [header, claims, other].join('.') }), /^ERR_/)
      expectNotQuoted(error, token)
    })

    it('refuses its own when it has expired', async () => {
      const { expiresAt } = await verify()
      await expectRefusal(verify({ now: expiresAt + 3600 }), /EXPIRED$/)
    })

    it('is without state: who refused a token accepts the next', async () => {
      for (const token of GARBAGE) await expectRefusal(verify({ token }), /^ERR_/)
      expect((await verify()).subject).not.toBe('')
    })
  })
}

/** The half that gives tokens, with an order that it can serve. */
export interface TokenProfileOutFixture {
  readonly half: TokenProfileOut
  readonly host: TokenProfileHost
  readonly order: TokenOrder
  /** Reads what was issued: `exp` and audiences, if it has any. */
  read(issued: IssuedToken): { readonly expiresAt: number; readonly audience?: readonly string[] }
  readonly dispose?: () => void | Promise<void>
}

/** The contract of `TokenProfileOut`: call it in a plugin's test file. */
export function describeTokenProfileOut(
  name: string,
  factory: () => TokenProfileOutFixture | Promise<TokenProfileOutFixture>,
): void {
  describe(`${name} keeps the contract of token profiles that give tokens`, () => {
    let fixture: TokenProfileOutFixture

    beforeEach(async () => {
      fixture = await factory()
    })
    afterEach(() => fixture.dispose?.())

    it('issues what was ordered, and nothing longer or wider', async () => {
      const { half, host, order, read } = fixture
      const issued = await half.issue(order, host)
      expect(half.tokenTypes).toContain(issued.issuedTokenType)
      expect(issued.id).not.toBe('')
      expect(issued.expiresAt).toBeLessThanOrEqual(order.expiresAt)
      const said = read(issued)
      expect(said.expiresAt).toBeLessThanOrEqual(issued.expiresAt)
      for (const audience of said.audience ?? []) expect(order.audience).toContain(audience)
    })

    it('never outlives the key that signs', async () => {
      const { half, host, order, read } = fixture
      const { notAfter } = await host.signer.oauthKey()
      const issued = await half.issue({ ...order, expiresAt: notAfter + 3600 }, host)
      expect(read(issued).expiresAt).toBeLessThanOrEqual(notAfter)
      expect(issued.expiresAt).toBeLessThanOrEqual(notAfter)
    })

    it('is bound to a key always, or never, where it says so', async () => {
      const { half, host, order } = fixture
      const confirmation = { kind: 'jkt', thumbprint: 'A'.repeat(43) } as const
      const refused = {
        always: { ...order, confirmation: undefined, confirmationKey: undefined },
        never: { ...order, confirmation },
        optional: undefined,
      }[half.binding]
      if (refused !== undefined) await expectRefusal(half.issue(refused, host), /^ERR_OAUTH_/)
    })

    it('names each token otherwise', async () => {
      const { half, host, order } = fixture
      const [first, second] = [await half.issue(order, host), await half.issue(order, host)]
      expect(first.id).not.toBe(second.id)
    })
  })
}
