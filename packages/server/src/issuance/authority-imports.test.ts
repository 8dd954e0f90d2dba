import {
  decodeBase64,
  parseSpiffeBundle,
  type VerifiedCertificateRequest,
  verifyCertificateRequest,
  verifyX509Svid,
} from '@countersign/protocol'
import { nodeCrypto as crypto, generateSigningKey } from '@countersign/protocol/keys-node'
import { expectCode } from '@countersign/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import {
  LIFETIME,
  openTestAuthorities,
  PROPAGATION,
  reopenAuthorities,
  trustDomain,
} from '../test-support/test-authorities.ts'
import { makeRoot, signCa, type TestCa } from '../test-support/test-upstream.ts'

type World = Awaited<ReturnType<typeof openTestAuthorities>>
let world: World
let company: TestCa
beforeEach(async () => {
  world = await openTestAuthorities()
  company = makeRoot(world.clock)
})

const spkiOf = (csr: Uint8Array) => (verifyCertificateRequest(csr, crypto) as VerifiedCertificateRequest).publicKeySpki
const sign = (csr: Uint8Array, lifetime = 1000) => signCa(company, spkiOf(csr), world.clock, lifetime)
const publicKey = generateSigningKey('ES256').publicJwk
const issue = (from: Pick<World, 'issuer'> = world) =>
  from.issuer.issueX509({ kind: 'x509-svid', spiffeId: 'spiffe://example.org/web', publicKey, ttlSeconds: 100 })
const roots = async () =>
  parseSpiffeBundle(trustDomain, (await world.bundles.get(trustDomain))?.bundle ?? {}).x509Authorities
const stateOf = async (id: string) => (await world.lifeCycle.list()).find((each) => each.id === id)?.state

/** Brought, published, and signing. */
async function importAndActivate(lifetime = 1000): Promise<string> {
  const { authority, csr } = await world.imports.request()
  await world.imports.import(authority.id, [sign(csr, lifetime), company.certificate])
  await world.clock.advance(PROPAGATION)
  await world.lifeCycle.activate(authority.id)
  return authority.id
}

describe('a request', () => {
  it('asks for a CA of the trust domain, is published nowhere, and outlives a restart', async () => {
    const before = await roots()
    const { authority, csr } = await world.imports.request()
    const { requestedNames } = verifyCertificateRequest(csr, crypto) as VerifiedCertificateRequest
    expect(requestedNames.uris).toEqual(['spiffe://example.org'])
    expect(authority.state).toBe('requested')
    expect(await roots()).toEqual(before)
    const again = await reopenAuthorities(world.store, world.clock, world.keyManager)
    expect(await world.keyManager.listKeys()).toContain(authority.id)
    await again.imports.import(authority.id, [sign(csr)], company.certificate)
    expect(await stateOf(authority.id)).toBe('prepared')
  })

  it('can be given up, and ends by itself; its key goes with it', async () => {
    const { authority } = await world.imports.request()
    expect((await world.lifeCycle.revoke(authority.id)).state).toBe('revoked')
    expect(await world.keyManager.listKeys()).not.toContain(authority.id)
    const { authority: old } = await world.imports.request()
    await world.clock.advance(31 * 86_400)
    await world.imports.request()
    expect(await stateOf(old.id)).toBeUndefined()
    expect(await world.keyManager.listKeys()).not.toContain(old.id)
  })

  it('is refused when too many wait', async () => {
    for (let n = 0; n < 16; n++) await world.imports.request()
    await expectCode(world.imports.request(), 'ERR_AUTHORITY_STATE')
  })
})

describe('a certificate that is brought', () => {
  it('prepares the authority: its root is published, and what it signs leads up to that', async () => {
    const id = await importAndActivate()
    expect((await roots()).map((der) => Buffer.from(der).equals(company.certificate))).toContain(true)
    const { chain, authorityId, expiresAt } = await issue()
    expect(authorityId).toBe(id)
    expect(expiresAt).toBeLessThanOrEqual(world.clock.now() + 1000)
    const options = {
      chain: chain.map(decodeBase64),
      roots: () => [company.certificate],
      now: world.clock.now(),
      crypto,
    }
    expect(await verifyX509Svid(options)).toMatchObject({ id: { path: '/web' } })
  })

  it('can be brought again, with the same outcome', async () => {
    const { authority, csr } = await world.imports.request()
    const chain = [sign(csr), company.certificate]
    const first = await world.imports.import(authority.id, chain)
    expect(await world.imports.import(authority.id, chain)).toEqual(first)
  })

  it('is refused for another key, without a root, by itself, or out of turn', async () => {
    const { authority, csr } = await world.imports.request()
    const other = signCa(company, crypto.exportSpki(publicKey) as Uint8Array, world.clock, 1000)
    const { id } = authority
    await expectCode(world.imports.import(id, [other, company.certificate]), 'ERR_AUTHORITY_OTHER_KEY')
    await expectCode(world.imports.import(id, [sign(csr)]), 'ERR_AUTHORITY_NO_ROOT')
    await expectCode(
      world.imports.import(id, [sign(csr)], makeRoot(world.clock).certificate),
      'ERR_CERTIFICATE_UNTRUSTED',
    )
    await expectCode(world.imports.import('x509-unknown', [sign(csr), company.certificate]), 'ERR_AUTHORITY_NOT_FOUND')
    await expectCode(world.lifeCycle.activate(id), 'ERR_AUTHORITY_NOT_FOUND')
    await world.lifeCycle.prepare('x509')
    await expectCode(world.imports.import(id, [sign(csr), company.certificate]), 'ERR_AUTHORITY_STATE')
    expect(await stateOf(id)).toBe('requested')
  })

  it('is followed by no root of our own making while it lasts, and that is said in time', async () => {
    const id = await importAndActivate(LIFETIME)
    await world.clock.advance(LIFETIME / 2)
    await world.authorities.tick()
    expect((await world.authorities.active('x509')).authority.id).toBe(id)
    expect(world.authorities.list().filter(({ kind, state }) => kind === 'x509' && state === 'prepared')).toEqual([])
    const said = () => world.log.lines.filter(({ message }) => message.includes('needs a successor'))
    expect(said()).toMatchObject([{ level: 'warn', fields: { tooLateAt: expect.any(String) } }])
    await world.authorities.tick()
    expect(said()).toHaveLength(1)
    await world.clock.advance(LIFETIME / 3)
    await world.authorities.tick()
    expect(said().at(-1)?.level).toBe('error')
    // When it has ended nobody could even reach the server without a CA.
    await world.clock.advance(LIFETIME)
    expect((await issue()).authorityId).not.toBe(id)
  })
})
