import { decodeBase64, parseCertificate, parseSpiffeBundle, verifyX509Svid } from '@countersign/protocol'
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
import { makeRoot, signCa, type TestCa, TestUpstream } from '../test-support/test-upstream.ts'

type World = Awaited<ReturnType<typeof openTestAuthorities>> & { upstream: TestUpstream }

async function openWorld(sharesTrustDomain = true): Promise<World> {
  let upstream: TestUpstream | undefined
  const world = await openTestAuthorities((clock) => {
    upstream = new TestUpstream(clock, sharesTrustDomain)
    return upstream
  })
  return { ...world, upstream: upstream as TestUpstream }
}

let world: World
beforeEach(async () => {
  world = await openWorld()
})

const publicKey = generateSigningKey('ES256').publicJwk
const issue = () =>
  world.issuer.issueX509({ kind: 'x509-svid', spiffeId: 'spiffe://example.org/web', publicKey, ttlSeconds: 100 })
const bundle = async () => parseSpiffeBundle(trustDomain, (await world.bundles.get(trustDomain))?.bundle ?? {})
const hex = (ders: readonly Uint8Array[]) => ders.map((der) => Buffer.from(der).toString('hex')).sort()
const states = () =>
  x509()
    .map(({ state }) => state)
    .sort()
const x509 = () => world.authorities.list().filter(({ kind }) => kind === 'x509')
const isBelieved = async (chain: readonly string[]) => {
  const { x509Authorities } = await bundle()
  const options = { chain: chain.map(decodeBase64), roots: () => x509Authorities, now: world.clock.now(), crypto }
  return Promise.resolve()
    .then(() => verifyX509Svid(options))
    .then(
      () => true,
      () => false,
    )
}
const follow = async () => {
  if (await world.link?.follow(world.authorities.list())) await world.authorities.tick()
}
/** A CA between the root and what it signs. */
function addMiddle(upstream: TestUpstream): TestCa {
  const key = generateSigningKey('ES256')
  const certificate = signCa(upstream.signer, crypto.exportSpki(key.publicJwk) as Uint8Array, world.clock, 500_000)
  upstream.signer = { key, certificate }
  upstream.above = [certificate]
  return upstream.signer
}

describe('a CA that is signed from above', () => {
  it('publishes the root above, and certificates lead up to it', async () => {
    expect(hex((await bundle()).x509Authorities)).toEqual(hex(world.upstream.roots))
    const { chain } = await issue()
    expect(chain).toHaveLength(2)
    expect(await isBelieved(chain)).toBe(true)
  })

  it('leads through every CA above it', async () => {
    addMiddle(world.upstream)
    await world.lifeCycle.prepare('x509')
    await world.clock.advance(PROPAGATION)
    await world.lifeCycle.activate(x509().find(({ state }) => state === 'prepared')?.id ?? '')
    const { chain } = await issue()
    expect(chain).toHaveLength(3)
    expect(await isBelieved(chain)).toBe(true)
    expect(await isBelieved(chain.slice(0, 2))).toBe(false)
  })

  it('lives no longer than what is above, and nothing it signs does', async () => {
    world.upstream.maxLifetime = 200
    await world.lifeCycle.prepare('x509')
    const prepared = x509().find(({ state }) => state === 'prepared')
    expect(prepared?.notAfter).toBe(world.clock.now() + 200)
    await world.lifeCycle.activate(prepared?.id ?? '', { force: true })
    await world.clock.advance(150)
    expect((await issue()).expiresAt).toBe(prepared?.notAfter)
  })

  it('has a subject and key identifiers like no other', async () => {
    await world.lifeCycle.prepare('x509')
    const [one, other] = x509().map(({ certificate = new Uint8Array() }) => parseCertificate(certificate))
    const root = parseCertificate(world.upstream.signer.certificate)
    expect(one?.subject).not.toEqual(other?.subject)
    expect(one?.subjectKeyId).not.toEqual(other?.subjectKeyId)
    expect([one?.authorityKeyId, other?.authorityKeyId]).toEqual([root.subjectKeyId, root.subjectKeyId])
  })

  it.each<[string, (world: World) => void]>([
    [
      'for another key',
      ({ upstream, clock }) => {
        const other = crypto.exportSpki(publicKey) as Uint8Array
        upstream.answerWith = ({ roots }) => ({ chain: [signCa(upstream.signer, other, clock, 100)], roots })
      },
    ],
    [
      'under none of its roots',
      ({ upstream, clock }) => {
        upstream.answerWith = ({ chain }) => ({ chain, roots: [makeRoot(clock).certificate] })
      },
    ],
    [
      'without any certificate',
      ({ upstream }) => {
        upstream.answerWith = ({ roots }) => ({ chain: [], roots })
      },
    ],
  ])('is refused %s, and leaves no key', async (_, spoil) => {
    spoil(world)
    const before = await world.keyManager.listKeys()
    await expectCode(world.lifeCycle.prepare('x509'), 'ERR_UPSTREAM_AUTHORITY_ANSWER')
    expect(await world.keyManager.listKeys()).toEqual(before)
    expect(x509()).toHaveLength(1)
  })

  it('is replaced in time', async () => {
    const [first] = x509()
    await world.clock.advance(LIFETIME / 2)
    await world.authorities.tick()
    await world.clock.advance(LIFETIME / 3)
    await world.authorities.tick()
    expect(x509().map(({ state }) => state)).toEqual(['retired', 'active'])
    expect((await world.authorities.active('x509')).authority.id).not.toBe(first?.id)
  })
})

describe('an upstream that is away', () => {
  it('is no reason to stop: what there is signs on, with a warning that says until when', async () => {
    const [first] = x509()
    world.upstream.isAway = true
    await world.clock.advance(LIFETIME / 2)
    await world.authorities.tick()
    expect(await isBelieved((await issue()).chain)).toBe(true)
    const warning = world.log.lines.find(({ fields }) => fields['code'] === 'ERR_UPSTREAM_AUTHORITY_UNREACHABLE')
    expect(warning).toMatchObject({
      level: 'warn',
      fields: { what: 'x509', tooLateAt: new Date((first?.notAfter ?? 0) * 1000).toISOString() },
    })
    expect(world.link?.status.view().lastError).toMatchObject({ code: 'ERR_UPSTREAM_AUTHORITY_UNREACHABLE' })
    // The warning is not said again with every round, and louder when little time is left.
    const lines = world.log.lines.length
    await world.authorities.tick()
    expect(world.log.lines).toHaveLength(lines)
    await world.clock.advance(LIFETIME * 0.4)
    await world.authorities.tick()
    expect(world.log.lines.at(-1)).toMatchObject({ level: 'error' })
  })

  it('is caught up with when it is back', async () => {
    world.upstream.isAway = true
    await world.clock.advance(LIFETIME / 2)
    await world.authorities.tick()
    world.upstream.isAway = false
    await world.authorities.tick()
    expect(x509().map(({ state }) => state)).toEqual(['active', 'prepared'])
    expect(world.link?.status.view().lastError).toBeUndefined()
  })

  it('leaves nothing to sign with once the present CA has ended, and that is said', async () => {
    world.upstream.isAway = true
    await world.clock.advance(LIFETIME)
    await expectCode(world.authorities.tick(), 'ERR_UPSTREAM_AUTHORITY_UNREACHABLE')
    await expectCode(issue(), 'ERR_UPSTREAM_AUTHORITY_UNREACHABLE')
    world.upstream.isAway = false
    expect(await isBelieved((await issue()).chain)).toBe(true)
  })

  it('does not keep a server from starting while its CA is good', async () => {
    world.upstream.isAway = true
    const again = await reopenAuthorities(world.store, world.clock, world.keyManager, world.upstream)
    expect((await again.authorities.active('x509')).authority.id).toBe(x509()[0]?.id)
  })
})

describe('a root of the upstream', () => {
  it('that is new is published at once, and one of an upstream that shares the domain ends at once', async () => {
    const [first] = x509()
    const next = makeRoot(world.clock)
    const old = world.upstream.roots
    world.upstream.roots = [...old, next.certificate]
    await follow()
    expect(hex((await bundle()).x509Authorities)).toEqual(hex(world.upstream.roots))
    expect(x509().map(({ id }) => id)).toEqual([first?.id])

    world.upstream.signer = next
    world.upstream.roots = [next.certificate]
    await follow()
    expect(x509().map(({ state }) => state)).toEqual(['active'])
    expect(hex((await bundle()).x509Authorities)).toEqual(hex([next.certificate]))
    expect(await isBelieved((await issue()).chain)).toBe(true)
    expect((await world.lifeCycle.list()).find(({ id }) => id === first?.id)?.state).toBe('revoked')
    expect(await world.keyManager.getKey(first?.id ?? '')).toBeUndefined()
  })

  it('that is tainted has the CA replaced, once the new one is known, and what it signed', async () => {
    const [first] = x509()
    const next = makeRoot(world.clock)
    const [old = new Uint8Array()] = world.upstream.roots
    world.upstream.signer = next
    world.upstream.roots = [old, next.certificate]
    world.upstream.taintedRoots = [old]
    await follow()
    expect(states()).toEqual(['active', 'prepared'])
    await world.clock.advance(PROPAGATION)
    await world.authorities.tick()
    expect(states()).toEqual(['active', 'retired'])
    expect(x509().find(({ id }) => id === first?.id)).toMatchObject({ taintedAt: world.clock.now() })
  })

  it('that is tainted, and under which the upstream still signs, makes no key after key', async () => {
    world.upstream.taintedRoots = world.upstream.roots
    await follow()
    for (let round = 0; round < 5; round++) await world.authorities.tick()
    expect((await world.keyManager.listKeys()).filter((name) => name.startsWith('x509-'))).toHaveLength(2)
  })

  it('may not vanish altogether', async () => {
    world.upstream.roots = []
    await expectCode(follow(), 'ERR_UPSTREAM_AUTHORITY_ANSWER')
    expect((await bundle()).x509Authorities).toHaveLength(1)
  })

  it('of an upstream beside the domain stays as long as something leads up to it', async () => {
    world = await openWorld(false)
    const [old = new Uint8Array()] = world.upstream.roots
    const next = makeRoot(world.clock)
    world.upstream.signer = next
    world.upstream.roots = [next.certificate]
    await follow()
    expect(hex((await bundle()).x509Authorities)).toEqual(hex([old, next.certificate]))
    await world.clock.advance(PROPAGATION)
    await world.authorities.tick()
    const retired = x509().find(({ state }) => state === 'retired')
    expect(x509()).toHaveLength(2)
    await world.lifeCycle.taint(retired?.id ?? '')
    await world.lifeCycle.revoke(retired?.id ?? '')
    expect(hex((await bundle()).x509Authorities)).toEqual(hex([next.certificate]))
  })

  it('needs no upstream to stay published when there is none any more', async () => {
    const old = hex(world.upstream.roots)
    const again = await reopenAuthorities(world.store, world.clock, world.keyManager)
    const document = (await again.bundles.get(trustDomain))?.bundle ?? {}
    expect(hex(parseSpiffeBundle(trustDomain, document).x509Authorities)).toEqual(old)
  })
})

describe('token keys', () => {
  const kidsOf = (list: readonly { kid?: string | undefined }[]) => list.map(({ kid }) => kid).sort()

  it('are known above before they are here, and withdrawn above when they are gone here', async () => {
    const own = () => world.authorities.list().flatMap(({ kind, id }) => (kind === 'x509' ? [] : [id]))
    const lastTold = () => kidsOf((world.upstream.published.at(-1) ?? []).map(({ publicJwk }) => publicJwk))
    expect(lastTold()).toEqual(own().sort())
    const { id } = await world.lifeCycle.prepare('jwt')
    expect(lastTold()).toContain(id)
    await world.lifeCycle.revoke(id)
    await follow()
    expect(lastTold()).toEqual(own().sort())
  })

  it('are not prepared while the upstream is away, and the present ones sign on', async () => {
    world.upstream.isAway = true
    const keys = await world.keyManager.listKeys()
    const before = (await world.authorities.active('jwt')).authority.id
    await expectCode(world.lifeCycle.prepare('jwt'), 'ERR_UPSTREAM_AUTHORITY_UNREACHABLE')
    expect(await world.keyManager.listKeys()).toEqual(keys)
    expect((await world.authorities.active('jwt')).authority.id).toBe(before)
  })

  it('of others in the trust domain are published here, never under the name of one of ours', async () => {
    const [own] = world.authorities.list().filter(({ kind }) => kind === 'jwt')
    const foreign = generateSigningKey('ES256', { kid: 'jwt-foreign' }).publicJwk
    const impostor = generateSigningKey('ES256', { kid: own?.id ?? '' }).publicJwk
    world.upstream.foreignJwt = [impostor, foreign]
    await follow()
    const { jwtAuthorities } = await bundle()
    expect(kidsOf(jwtAuthorities)).toEqual([own?.id, 'jwt-foreign'].sort())
    expect(jwtAuthorities.find(({ kid }) => kid === own?.id)).toMatchObject({ x: own?.publicJwk?.x })
  })

  it('that were revoked here do not come back from above', async () => {
    const { id } = await world.lifeCycle.prepare('jwt')
    const key = world.authorities.list().find((authority) => authority.id === id)?.publicJwk
    await world.lifeCycle.revoke(id)
    world.upstream.foreignJwt = key === undefined ? [] : [key]
    await follow()
    expect(kidsOf((await bundle()).jwtAuthorities)).not.toContain(id)
  })
})
