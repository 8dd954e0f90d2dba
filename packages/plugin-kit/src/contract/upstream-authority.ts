import {
  buildCaRequest,
  encodePem,
  issueX509Svid,
  randomSerial,
  spiffeId,
  type VerifiedCa,
  type VerifiedX509Svid,
  verifyCaCertificate,
  verifyX509Svid,
} from '@countersign/protocol'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CaRequest, UpstreamAuthority } from '../plugin/upstream-authority.ts'
import { expectRefusal } from './expectations.ts'

/** One upstream, ready to sign for the trust domain `example.org`. */
export interface UpstreamAuthorityFixture {
  readonly upstream: UpstreamAuthority
  /** Epoch seconds, as the upstream sees them. */
  readonly now: () => number
  /** Longest lifetime that this upstream gives, when it has a limit. Seconds. */
  readonly maxLifetimeSeconds?: number
  /** Makes the upstream unable to answer. Absent for one that cannot be away. */
  readonly takeAway?: () => void | Promise<void>
  readonly dispose?: () => void | Promise<void>
}

const TRUST_DOMAIN = 'example.org'
const LIFETIME = 3600
const crypto = nodeCrypto

/** The contract of `UpstreamAuthority`: call it in a plugin's test file. */
export function describeUpstreamAuthority(
  name: string,
  factory: () => UpstreamAuthorityFixture | Promise<UpstreamAuthorityFixture>,
): void {
  describe(`${name} keeps the upstream authority contract`, () => {
    let fixture: UpstreamAuthorityFixture
    let upstream: UpstreamAuthority

    beforeEach(async () => {
      fixture = await factory()
      upstream = fixture.upstream
    })
    afterEach(async () => {
      await upstream.close()
      await fixture.dispose?.()
    })

    const verify = (chain: readonly Uint8Array[], roots: readonly Uint8Array[]) =>
      verifyCaCertificate({ chain, roots, trustDomain: TRUST_DOMAIN, now: fixture.now(), crypto }) as VerifiedCa

    it('signs a CA for the key it was asked for, under a root that it names', async () => {
      const { request } = makeRequest()
      const { chain, roots } = await upstream.issueCa(request)
      const { ca } = verify(chain, roots)
      expect(Buffer.from(ca.spki).equals(request.publicKeySpki)).toBe(true)
      expect(ca.uriSans).toEqual([`spiffe://${TRUST_DOMAIN}`])
      expect(chain.some((each) => roots.some((root) => Buffer.from(root).equals(each)))).toBe(false)
    })

    it('signs CAs whose leaves are believed', async () => {
      const { key, request } = makeRequest()
      const { chain, roots } = await upstream.issueCa(request)
      const [certificate = new Uint8Array(), ...rest] = chain
      const { ca, expiresAt } = verify(chain, roots)
      const leaf = issueX509Svid({
        issuer: { certificate, key },
        publicKeySpki: await crypto.exportSpki(generateSigningKey('ES256').publicJwk),
        subject: spiffeId(TRUST_DOMAIN, '/web'),
        notBefore: ca.notBefore,
        notAfter: expiresAt,
        serial: randomSerial(crypto),
      }) as Uint8Array
      const options = { chain: [leaf, certificate, ...rest], roots: () => roots, now: fixture.now(), crypto }
      expect((verifyX509Svid(options) as VerifiedX509Svid).id.toString()).toBe(`spiffe://${TRUST_DOMAIN}/web`)
    })

    it('gives no more time than was asked for, nor than it has', async () => {
      const { chain, roots } = await upstream.issueCa(makeRequest().request)
      const { ca, expiresAt } = verify(chain, roots)
      expect(ca.notAfter).toBeLessThanOrEqual(fixture.now() + LIFETIME)
      expect(expiresAt).toBe(ca.notAfter)
      expect(ca.notAfter - fixture.now()).toBeGreaterThan(0)
      if (fixture.maxLifetimeSeconds === undefined) return
      const greedy = await upstream.issueCa(makeRequest({ lifetimeSeconds: 100 * 365 * 86_400 }).request)
      expect(verify(greedy.chain, greedy.roots).ca.notAfter).toBeLessThanOrEqual(
        fixture.now() + fixture.maxLifetimeSeconds,
      )
    })

    it('names no two CAs alike', async () => {
      const both = await Promise.all([1, 2].map(() => upstream.issueCa(makeRequest().request)))
      const [one, other] = both.map(({ chain, roots }) => verify(chain, roots).ca)
      const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? new Uint8Array()).toString('hex')
      expect(text(one?.subject)).not.toBe(text(other?.subject))
      expect(text(one?.serial)).not.toBe(text(other?.serial))
      expect(text(one?.subjectKeyId)).not.toBe(text(other?.subjectKeyId))
    })

    it('tells the roots under which it signs', async () => {
      const { roots } = await upstream.issueCa(makeRequest().request)
      const bundle = await upstream.readBundle()
      expect(encodePem([...bundle.roots].sort(Buffer.compare))).toBe(encodePem([...roots].sort(Buffer.compare)))
      expect(bundle.taintedRoots).toEqual([])
    })

    it('refuses a request whose signature is not by its key', async () => {
      const { request } = makeRequest()
      const csr = request.csr.slice()
      csr[csr.length - 1] = (csr.at(-1) ?? 0) ^ 1
      await expectRefusal(upstream.issueCa({ ...request, csr }), 'ERR_UPSTREAM_AUTHORITY_REFUSED')
    })

    it('makes token keys known, and withdraws what is not named again, if it serves the trust domain', async () => {
      if (upstream.publishTokenKeys === undefined) {
        const { jwtAuthorities, witAuthorities } = await upstream.readBundle()
        expect([...jwtAuthorities, ...witAuthorities]).toEqual([])
        return
      }
      const notAfter = fixture.now() + LIFETIME
      const [jwt, wit] = ['jwt-contract', 'wit-contract'].map((kid) => generateSigningKey('ES256', { kid }).publicJwk)
      if (jwt === undefined || wit === undefined) return
      const keys = [
        { kind: 'jwt', publicJwk: jwt, notAfter },
        { kind: 'wit', publicJwk: wit, notAfter },
      ] as const
      for (const _ of [1, 2]) await upstream.publishTokenKeys(keys)
      const known = await upstream.readBundle()
      expect(known.jwtAuthorities.filter(({ kid }) => kid === jwt.kid)).toMatchObject([{ x: jwt.x }])
      expect(known.witAuthorities.filter(({ kid }) => kid === wit.kid)).toMatchObject([{ x: wit.x }])
      await upstream.publishTokenKeys(keys.slice(1))
      const left = await upstream.readBundle()
      expect(left.jwtAuthorities.map(({ kid }) => kid)).not.toContain(jwt.kid)
      expect(left.witAuthorities.map(({ kid }) => kid)).toContain(wit.kid)
    })

    it('says that it is away when it is', async () => {
      if (fixture.takeAway === undefined) return
      await fixture.takeAway()
      const code = /^ERR_UPSTREAM_AUTHORITY_(?:UNREACHABLE|FILE|IDENTITY)$/
      await expectRefusal(upstream.issueCa(makeRequest().request), code)
      await expectRefusal(upstream.readBundle(), code)
    })
  })
}

function makeRequest(change: Partial<CaRequest> = {}) {
  const key = generateSigningKey('ES256')
  const serialNumber = Buffer.from(crypto.randomBytes(8)).toString('hex')
  const subject = { organization: 'Countersign', commonName: 'Contract', serialNumber }
  const csr = buildCaRequest({ key, crypto, subject, trustDomain: TRUST_DOMAIN }) as Uint8Array
  const publicKeySpki = crypto.exportSpki(key.publicJwk) as Uint8Array
  const request: CaRequest = { csr, publicKeySpki, trustDomain: TRUST_DOMAIN, lifetimeSeconds: LIFETIME, ...change }
  return { key, request }
}
