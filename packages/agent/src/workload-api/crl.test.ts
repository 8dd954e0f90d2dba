import { expect, it } from 'vitest'
import { entry } from '../test-support/fake-server.ts'
import { reader, startReadyWorld, type World } from '../test-support/running-agent.ts'
import { TestAuthority } from '../test-support/test-authority.ts'

const web = entry('e1', '/web')
const other = Uint8Array.of(7)

async function startWithCrls(crls: (server: World['server']) => string[]) {
  return startReadyWorld({
    prepare: (server) => {
      server.set({ entries: [web] })
      server.crls = crls(server)
    },
  })
}

const base64 = (lists: readonly Uint8Array[]) => lists.map((each) => Buffer.from(each).toString('base64'))

it('comes with certificates and with bundles, and again when it changes', async () => {
  const world = await startWithCrls(({ authority }) => [authority.crl(1)])
  const client = world.client()
  const [svids, bundles] = [reader(client.fetchX509Svid()), reader(client.fetchX509Bundles())]
  const [first] = [await svids.next(), await bundles.next()].map(({ crl }) => base64(crl))
  expect(first).toEqual(world.server.crls)

  const next = world.server.authority.crl(2, other)
  world.server.change(() => {
    world.server.crls = [next]
  })
  expect(base64((await svids.next()).crl)).toEqual([next])
  expect(base64((await bundles.next()).crl)).toEqual([next])
})

it('is not sent again for a change that it does not concern', async () => {
  const world = await startWithCrls(({ authority }) => [authority.crl(1)])
  const stream = reader(world.client().fetchX509Bundles())
  await stream.next()
  // The same list, and a revision more.
  world.server.change(() => {})
  const next = world.server.authority.crl(2)
  world.server.change(() => {
    world.server.crls = [next]
  })
  expect(base64((await stream.next()).crl)).toEqual([next])
})

it('is left out, and logged, when no authority of the trust domain signed it', async () => {
  const stranger = await TestAuthority.create('example.org', () => 1_700_000_000)
  const world = await startWithCrls(({ authority }) => [stranger.crl(1), 'AAAA', authority.crl(1)])
  const { crl } = await reader(world.client().fetchX509Svid()).next()
  expect(base64(crl)).toEqual([world.server.crls?.[2]])
  const codes = world.log.records.flatMap(({ message, fields }) =>
    message === 'revocation list is not believed, left out' ? [fields['code']] : [],
  )
  expect(codes.slice(0, 2)).toEqual(['ERR_CERTIFICATE_UNTRUSTED', 'ERR_CERTIFICATE_MALFORMED'])
})

it('is still there after a restart without the server', async () => {
  const world = await startWithCrls(({ authority }) => [authority.crl(1, other)])
  await world.agent.stop()
  await world.server.down()
  await world.restart()
  const { crl } = await reader(world.client().fetchX509Bundles()).next()
  expect(base64(crl)).toEqual(world.server.crls)
})
