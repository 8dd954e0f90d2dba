import { decodeUnverifiedJws, parseCertificate } from '@countersign/protocol'
import { describe, expect, it } from 'vitest'
import { entry, TRUST_DOMAIN } from '../test-support/fake-server.ts'
import { eventually, reader, startReadyWorld, type World } from '../test-support/running-agent.ts'
import { TestAuthority } from '../test-support/test-authority.ts'

const WEB = entry('web', '/web')

/** The authority that signed so far is retired, another signs. */
async function replaceAuthority({ server, clock }: World): Promise<TestAuthority> {
  const next = await TestAuthority.create(TRUST_DOMAIN, () => clock.now(), '2')
  const old = server.authority
  server.change(() => {
    server.retired = old
    server.authority = next
  })
  return old
}

/** Taints all three keys of an authority. */
function taint({ server }: World, authority: TestAuthority): void {
  const { keys } = authority.bundle().bundle
  server.change(() => {
    server.tainted = keys.map((key) => ({ authorityId: String(key['use']), key }))
  })
}

/** What the agent last said of each authority. */
const reported = ({ server }: World) =>
  Object.fromEntries(
    server.taintReports.flatMap(({ holding }) => holding.map((each) => [each.authorityId, each.credentials])),
  )

const NOTHING_LEFT = { 'x509-svid': 0, 'jwt-svid': 0, 'wit-svid': 0 }

async function lookAgain({ clock }: World, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) await clock.advance(1)
}

describe('a tainted signing key', () => {
  it('has all that it signed replaced where it is in use, the own identity included, and the server told', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: [WEB] }) })
    const client = world.client()
    const x509 = reader(client.fetchX509Svid())
    const wit = reader(client.fetchWitSvid())
    const [before] = (await x509.next()).svids
    await wit.next()
    const old = await replaceAuthority(world)
    taint(world, old)

    const serialOf = (svid: typeof before) => Buffer.from(parseCertificate(svid?.x509Svid as Uint8Array).serial)
    for (;;) {
      const [svid] = (await x509.next()).svids
      if (!serialOf(svid).equals(serialOf(before))) break
    }
    for (;;) {
      const [svid] = (await wit.next()).svids
      if (decodeUnverifiedJws(svid?.witSvid ?? '').header.kid === 'wit-2') break
    }
    await eventually(() => world.server.count('POST /v1/agent/renew') === 1, 'own identity is renewed')
    await lookAgain(world, 4)
    await eventually(() => world.server.taintReports.length > 0)
    await lookAgain(world, 30)
    expect(reported(world)).toEqual(NOTHING_LEFT)
    const reports = world.server.taintReports.length
    await lookAgain(world, 60)
    expect(world.server.taintReports).toHaveLength(reports)
  })

  it('has forgotten what it signed and nobody uses any more', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: [WEB], jwtTtl: 3600 }) })
    const client = world.client()
    const kid = async () => {
      const [svid] = (await client.fetchJwtSvid({ audience: ['one'] })).svids
      return decodeUnverifiedJws(svid?.svid ?? '').header.kid
    }
    expect(await kid()).toBe('jwt-1')
    const old = await replaceAuthority(world)
    taint(world, old)
    await eventually(() => world.log.with('signing key is tainted, credentials are being replaced').length === 3)
    await lookAgain(world, 2)
    await eventually(() => reported(world)['jwt-svid'] === 1)
    await lookAgain(world, 40)
    await eventually(() => reported(world)['jwt-svid'] === 0)
    expect(await kid()).toBe('jwt-2')
  })

  it('is replaced when the server issues again, and the server is told what is left until then', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: [WEB], svidTtl: 86_400 }) })
    const x509 = reader(world.client().fetchX509Svid())
    await x509.next()
    const old = await replaceAuthority(world)
    world.server.failing = true
    taint(world, old)
    await eventually(() => world.server.count('POST /v1/agent/renew') === 1)
    await lookAgain(world, 40)
    await eventually(() => reported(world)['x509-svid'] === 1)
    world.server.failing = false
    await lookAgain(world, 120)
    await eventually(() => reported(world)['x509-svid'] === 0)
  })

  it('is passed over when it cannot be read', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: [WEB] }) })
    world.server.change(() => {
      world.server.tainted = [{ authorityId: 'x509-1', key: { kty: 'EC', use: 'x509-svid', x5c: ['AQID'] } }]
    })
    const message = 'tainted key cannot be read, its credentials are not replaced'
    await eventually(() => world.log.with(message).length === 1)
  })
})
