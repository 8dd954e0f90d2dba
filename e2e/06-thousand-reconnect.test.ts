/** A thousand programs lose their agent and come back in the same second: all are served, in bounded memory. */
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type BareStream, openBareStream } from './support/bare-stream.ts'
import { TrustDomain } from './support/trust-domain.ts'

const PROGRAMS = 1000
/** Each tries again a second later, as go-spiffe does at first. */
const MAX_TRIES = 60
const MAX_AGENT_MIB = 400

let domain: TrustDomain
beforeEach(async () => {
  domain = await TrustDomain.create()
})
afterEach(() => domain.remove())

async function persist(): Promise<{ readonly stream: BareStream; readonly tries: number; readonly reason: string }> {
  let reason = ''
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    try {
      return { stream: await openBareStream(domain.workloadSocket), tries, reason }
    } catch (error) {
      reason = (error as Error).message
      await new Promise((resolve) => setTimeout(resolve, 1000))
    }
  }
  throw new Error(`not served in ${MAX_TRIES} tries, at last: ${reason}`)
}

/** Most that the process ever had in memory. */
function peakMib(pid: number): number {
  const [, kib = 'none'] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) / 1024
}

it('serves them all', async () => {
  await domain.startServer()
  const parent = await domain.invite()
  await domain.admin(
    'entry',
    'create',
    '--id=spiffe://example.org/program',
    `--parent=${parent}`,
    `--selector=unix:uid:${process.getuid?.()}`,
  )
  const first = await domain.startAgent()
  const before = await Promise.all(Array.from({ length: PROGRAMS }, persist))
  expect(before.every(({ stream }) => stream.received > 500)).toBe(true)

  await first.stop()
  const again = Array.from({ length: PROGRAMS }, persist)
  const second = await domain.startAgent()
  const after = await Promise.all(again)
  expect(after.every(({ stream }) => stream.received > 500)).toBe(true)
  // All were turned away at least once, since nobody listened.
  expect(after.every(({ tries }) => tries > 1)).toBe(true)
  expect(peakMib(second.pid)).toBeLessThan(MAX_AGENT_MIB)
  expect(second.log.filter(({ level }) => level === 'error' || Number(level) >= 50)).toEqual([])
  for (const { stream } of [...before, ...after]) stream.close()
}, 180_000)
