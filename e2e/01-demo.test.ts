/**
 * The main job: one command proves a three-service call across two trust domains, takes a user who signs in from one to the other,
 * refuses every attack, leaves nothing behind, and does not mind another one beside it.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { COMMAND, countersign, type Finished, Program } from './support/program.ts'

interface Demo {
  readonly ok: boolean
  readonly hops: readonly { readonly caller: string; readonly callee: string; readonly verified: boolean }[]
  readonly attacks: readonly {
    readonly name: string
    readonly code: string
    readonly expectedCode: string
    readonly refused: boolean
  }[]
  readonly crossing: {
    readonly verified: boolean
    readonly transaction: { readonly subject: string; readonly requestedBy: string }
    readonly sighting: {
      readonly user: string
      readonly email: string
      readonly caller: string
      readonly chain: readonly { readonly subject: string; readonly issuer?: string }[]
    }
  }
  readonly verdict: string
}

const bases: string[] = []
const programs: Program[] = []

/** A temporary folder of its own, so that what a run leaves behind is seen. Short: sockets live below it. */
function temporaryBase(): string {
  const base = mkdtempSync(join(tmpdir(), 'cs-'))
  bases.push(base)
  return base
}

function demo(base: string, ...args: readonly string[]): Promise<Finished> {
  return countersign(['demo', '--once', ...args], { TMPDIR: base })
}

afterEach(async () => {
  await Promise.all(programs.splice(0).map((program) => program.stop()))
  for (const base of bases.splice(0)) rmSync(base, { recursive: true, force: true })
})

describe('countersign demo', () => {
  it('verifies every hop, refuses every attack for its own reason, and cleans up; two runs side by side, then a third', async () => {
    const base = temporaryBase()
    const results = await Promise.all([demo(base, '--output', 'json'), demo(base, '--output', 'json')])
    results.push(await demo(base, '--output', 'json'))
    for (const { exitCode, stdout, stderr } of results) {
      const result = JSON.parse(stdout || '{}') as Demo
      expect(
        result.hops?.map(({ caller, callee, verified }) => [caller, callee, verified]),
        stderr,
      ).toEqual([
        ['spiffe://shop.example/shopper', 'spiffe://shop.example/storefront', true],
        ['spiffe://shop.example/storefront', 'spiffe://shop.example/orders', true],
        ['spiffe://shop.example/orders', 'spiffe://bank.example/ledger', true],
      ])
      expect(result.crossing).toMatchObject({
        verified: true,
        transaction: { subject: 'alice', requestedBy: 'spiffe://shop.example/storefront' },
        sighting: {
          user: 'shop/alice',
          email: 'alice@shop.example',
          caller: 'spiffe://shop.example/orders',
          chain: [
            { subject: 'spiffe://shop.example/orders' },
            { subject: 'spiffe://shop.example/storefront', issuer: expect.stringMatching(/^https:.*\/oauth2$/) },
          ],
        },
      })
      expect(result.attacks.filter(({ refused }) => !refused)).toEqual([])
      expect(new Set(result.attacks.map(({ code }) => code)).size).toBe(result.attacks.length)
      expect(result.attacks.length).toBeGreaterThanOrEqual(19)
      expect(result.verdict).toBe(
        `demo: 3 hops verified, 1 user seen across domains, ${result.attacks.length} attacks refused`,
      )
      expect(exitCode).toBe(0)
    }
    expect(readdirSync(base)).toEqual([])
  }, 240_000)

  it('ends its text with the verdict', async () => {
    const { exitCode, stdout } = await demo(temporaryBase())
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(
      /^demo: 3 hops verified, 1 user seen across domains, \d+ attacks refused$/,
    )
    expect(stdout).toMatch(
      /the operator is told: nearest entry spiffe:\/\/shop\.example\/\S+, missing unix:script:path:/,
    )
    expect(exitCode).toBe(0)
  }, 240_000)

  it('stays up, tells its addresses to another terminal, brings back what is killed, and removes all on a signal', async () => {
    const base = temporaryBase()
    const program = new Program([COMMAND, 'demo'], { TMPDIR: base })
    programs.push(program)
    await program.untilOutput(/Still running/)
    const [folder] = readdirSync(base)
    const { stdout } = await countersign(['demo', 'env'], { TMPDIR: base })
    expect(stdout).toMatch(/export SPIFFE_ENDPOINT_SOCKET='unix:\/\//)
    expect(stdout).toMatch(/export COUNTERSIGN_ADMIN_SOCKET='/)

    const [, agentPid] = /shop\.example\s+server pid \d+\s+agent pid (\d+)/.exec(program.output) ?? []
    process.kill(Number(agentPid), 'SIGKILL')
    await program.untilOutput(/agent of shop\.example ended; starting it again/)

    const { exitCode } = await program.stop()
    expect(exitCode).toBe(0)
    expect(existsSync(join(base, String(folder)))).toBe(false)
  }, 240_000)

  it('leaves no process and no folder when it is stopped while it starts', async () => {
    const base = temporaryBase()
    const program = new Program([COMMAND, 'demo'], { TMPDIR: base })
    programs.push(program)
    const started = () => processesOf(base).length > 0
    await expect.poll(started, { timeout: 20_000, interval: 5 }).toBe(true)
    process.kill(program.pid, 'SIGINT')
    await program.finished()
    expect(processesOf(base)).toEqual([])
    expect(readdirSync(base)).toEqual([])
  }, 60_000)
})

/** Processes that were started with a file below the folder. */
function processesOf(folder: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder)
    } catch {
      // It has ended meanwhile.
      return false
    }
  })
}
