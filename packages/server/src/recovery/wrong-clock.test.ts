/** A whole server whose clock shows what cannot be true. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FakeClock } from '@countersign/testing'
import { expect, it, vi } from 'vitest'
import { callHttps } from '../test-support/http-call.ts'
import { createEntry, newKey, refusal } from '../test-support/machine-requests.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { TestAgent } from '../test-support/test-agent.ts'
import { startTestServer, type TestServer } from '../test-support/test-server.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const NOW = 1_800_000_000
const YEAR = 366 * 86_400
const HELD = '503 ERR_HOLD_CLOCK'

/** Its timers go on by themselves when the time is set, as those of a machine do. */
class SettableClock extends FakeClock {
  offset = 0

  override now(): number {
    return super.now() + this.offset
  }
}

const ready = async ({ server }: TestServer) => (await callHttps(`${server.publicUrl}/ready`)).status
const authorities = async ({ admin }: TestServer) =>
  (await admin('/v1/authorities')).body.authorities.map(
    ({ id, state }: { id: string; state: string }) => `${id} ${state}`,
  )

async function startWorld() {
  const dataDir = await temporaryFolder()
  const test = await startTestServer({ dataDir, clock: new FakeClock(NOW) })
  const agent = await test.attestedAgent('/one')
  const entry = await createEntry(test, agent, { expiresAt: NOW + YEAR })
  const known = await authorities(test)
  const root = await readFile(join(dataDir, 'public-root.pem'), 'utf8')
  await test.server.stop()
  return { dataDir, agent, entry, known, root }
}

it.each([
  ['behind what the server last did', NOW - 3600],
  ['more than a year ahead of it', NOW + YEAR + 3600],
  ['in 1970', 10],
  ['beyond 2100', 4_200_000_000],
])('%s: signs, removes and replaces nothing, says so, and goes on by itself', async (_, wrong) => {
  const { dataDir, agent, entry, known, root } = await startWorld()
  const clock = new SettableClock(NOW)
  clock.offset = wrong - NOW
  const test = await startTestServer({ dataDir, clock })
  expect(test.log.text).toContain('clock cannot be right, nothing is issued')
  expect(await ready(test)).toBe(503)
  const late = new TestAgent(test.server.machineUrl)
  late.tls = agent.tls
  expect(refusal(await late.call('/v1/agent/sync'))).toBe(HELD)
  const body = { requests: [{ entryId: entry.id, publicKey: newKey() }] }
  expect(refusal(await late.call('/v1/agent/x509-svids', { body }))).toBe(HELD)
  expect(refusal(await test.admin('/v1/authorities/prepare', { body: { kind: 'wit' } }))).toBe(HELD)
  await clock.advance(61)
  expect(await authorities(test)).toEqual(known)
  expect((await test.admin('/v1/entries')).body.entries).toHaveLength(1)
  expect(await readFile(join(dataDir, 'public-root.pem'), 'utf8')).toBe(root)
  expect(test.log.events('credential.issued')).toEqual([])
  expect((await callHttps(`${test.server.publicUrl}/bundle`)).status).toBe(200)

  clock.offset = 0
  await clock.advance(31)
  expect(await ready(test)).toBe(200)
  expect((await late.call('/v1/agent/x509-svids', { body })).status).toBe(200)
  expect(test.log.events('credential.issued').map(({ kind }) => kind)).toContain('server-svid')
})

it('is right after all, two years later: an operator says so', async () => {
  const { dataDir } = await startWorld()
  const test = await startTestServer({ dataDir, clock: new FakeClock(NOW + 2 * YEAR) })
  expect(refusal(await test.admin('/v1/resume', { body: { reason: 'restore' } }))).toBe('409 ERR_HOLD_NONE')
  expect((await test.admin('/v1/resume', { body: { reason: 'clock' } })).body.holds).toEqual([])
  await test.attestedAgent('/two')
  expect(await ready(test)).toBe(200)
  await test.server.stop()
  expect(await ready(await startTestServer({ dataDir, clock: new FakeClock(NOW + 2 * YEAR) }))).toBe(200)
})

it('was ahead by less than a year: once it is set right and confirmed, keys of that future are replaced', async () => {
  const { dataDir } = await startWorld()
  const ahead = await startTestServer({ dataDir, clock: new FakeClock(NOW + YEAR / 2) })
  const wrong = await authorities(ahead)
  await ahead.server.stop()
  const clock = new FakeClock(NOW + 100)
  const test = await startTestServer({ dataDir, clock })
  expect(await ready(test)).toBe(503)
  await test.admin('/v1/resume', { body: { reason: 'clock' } })
  const agent = await test.attestedAgent('/two')
  expect((await agent.renew()).status).toBe(200)
  const now = await authorities(test)
  expect(now).toHaveLength(3)
  expect(now.filter((each: string) => wrong.includes(each))).toEqual([])
})

it('runs back while the server runs: nothing is signed until it has caught up', async () => {
  const clock = new FakeClock(NOW)
  const test = await startTestServer({ clock })
  const agent = await test.attestedAgent('/one')
  clock.jump(-3600)
  expect(refusal(await agent.renew())).toBe(HELD)
  clock.jump(3600)
  expect((await agent.renew()).status).toBe(200)
})

it('jumps by more than a year while the server runs: nothing is removed', async () => {
  const clock = new FakeClock(NOW)
  const test = await startTestServer({ clock })
  const agent = await test.attestedAgent('/one')
  await createEntry(test, agent, { expiresAt: NOW + YEAR })
  clock.jump(2 * YEAR)
  await clock.advance(31)
  expect((await test.admin('/v1/entries')).body.entries).toHaveLength(1)
  expect(refusal(await agent.renew())).toBe(HELD)
})
