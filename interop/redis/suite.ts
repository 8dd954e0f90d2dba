import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { errorCode, type ReplayAnswer } from '@countersign/protocol'
import { RedisReplayMemory } from '@countersign/replay-memory-redis'
import { missingProgram } from '../support/debian-package.ts'
import type { InteropSuite, SuiteContext } from '../support/interop-suite.ts'
import { findRedis, RedisServer } from './redis-server.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const RUSH = fileURLToPath(new URL('rush.ts', import.meta.url))
const CONTRACT = 'packages/plugins/replay-memory/redis/src/redis-server.test.ts'
const SENDER = 'spiffe://example.org/caller'
const BACK_PATIENCE_MS = 20_000

/** The shared replay memory on a real Redis: that it is atomic, that it forgets in time, what it does when Redis is away. */
export const suite: InteropSuite = {
  async missing({ processes }) {
    if ((await findRedis(processes)) !== undefined) return undefined
    return missingProgram(processes, 'redis-server', ['--version'], 'redis-server')
  },

  async run(context) {
    const { processes, report, temporaryFolder } = context
    const found = await findRedis(processes)
    if (found === undefined) throw new Error('redis has gone')
    const server = await RedisServer.create(processes, found.command, temporaryFolder)
    await server.start()
    report.add({ check: 'redis starts', ok: true, detail: found.version })
    await checkContract(context, server)
    await checkAtomicity(context, server)
    await checkExpiry(context, server)
    await checkEviction(context, server, found.command.replace('-server', '-cli'))
    await checkAbsence(context, server)
  },
}

async function checkContract(
  { processes, report, temporaryFolder }: SuiteContext,
  { url }: RedisServer,
): Promise<void> {
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs')
  const outputFile = join(temporaryFolder, 'contract.json')
  const { exitCode, stderr } = await processes.run(
    process.execPath,
    [vitest, 'run', CONTRACT, '--reporter=json', `--outputFile=${outputFile}`],
    { cwd: ROOT, env: { COUNTERSIGN_REDIS_URL: url }, timeoutMs: 120_000 },
  )
  const { numPassedTests = 0, numTotalTests = 0 } = JSON.parse(await readFile(outputFile, 'utf8').catch(() => '{}'))
  const ok = exitCode === 0 && numPassedTests > 0 && numPassedTests === numTotalTests
  const detail = `${numPassedTests} of ${numTotalTests} tests${ok ? '' : `: ${stderr.trim().slice(-500)}`}`
  report.add({ check: 'replay memory contract', ok, detail })
}

/** Two processes, each with a connection of its own, at the same moment. */
async function checkAtomicity(context: SuiteContext, server: RedisServer): Promise<void> {
  const same = await rush(context, server, 'race:', 0, ['same*500'])
  context.report.add({
    check: 'of 1000 uses of one proof by two processes, one is fresh',
    ok: same.fresh === 1 && same.replayed === 999,
    detail: JSON.stringify(same),
  })
  const bounded = await rush(context, server, 'share:', 100, ['each*500'])
  context.report.add({
    check: "of 1000 proofs of one sender by two processes, the sender's share is fresh",
    ok: bounded.fresh === 100 && bounded.full === 900,
    detail: JSON.stringify(bounded),
  })
}

async function rush(
  { processes }: SuiteContext,
  { url }: RedisServer,
  prefix: string,
  capacity: number,
  keys: readonly string[],
): Promise<Record<ReplayAnswer, number>> {
  const start = String(Date.now() + 1500)
  const replicas = [0, 1].map(() =>
    processes.run(process.execPath, [RUSH, url, prefix, String(capacity), start, ...keys], { timeoutMs: 60_000 }),
  )
  const sum = { fresh: 0, replayed: 0, full: 0, away: 0, forgotten: 0 }
  for (const { exitCode, stdout, stderr } of await Promise.all(replicas)) {
    if (exitCode !== 0) throw new Error(`replica ended with ${exitCode}: ${stderr}`)
    const counts = JSON.parse(stdout) as Record<ReplayAnswer, number>
    for (const each of ['fresh', 'replayed', 'full', 'away'] as const) sum[each] += counts[each]
  }
  return sum
}

async function checkExpiry({ report }: SuiteContext, { url }: RedisServer): Promise<void> {
  const memory = await RedisReplayMemory.connect({ url, prefix: 'expiry:', clockMarginSeconds: 0 })
  const now = Date.now() / 1000
  const first = await memory.remember('a', now + 1, now, SENDER)
  const again = await memory.remember('a', now + 1, now, SENDER)
  await pause(1500)
  const later = await memory.remember('a', now + 3, now + 2, SENDER)
  memory.close()
  const answers = [first, again, later].join(', ')
  report.add({
    check: 'a proof is forgotten when it has expired, not before',
    ok: answers === 'fresh, replayed, fresh',
    detail: answers,
  })
}

async function checkEviction(
  { processes, report }: SuiteContext,
  { url }: RedisServer,
  command: string,
): Promise<void> {
  const cli = async (...args: string[]) => {
    const { exitCode, stderr } = await processes.run(command, ['-u', url, ...args], { timeoutMs: 10_000 })
    if (exitCode !== 0) throw new Error(`${command}: ${stderr}`)
  }
  const memory = await RedisReplayMemory.connect({ url, prefix: 'room:' })
  await cli('CONFIG', 'SET', 'maxmemory', '1')
  const answer = await memory.remember('a', 160, 100, SENDER)
  const { state } = memory
  await cli('CONFIG', 'SET', 'maxmemory', '64mb')
  const after = await memory.remember('a', 160, 100, SENDER)
  memory.close()
  report.add({
    check: 'a Redis without room is full, not away, and forgets nothing',
    ok: answer === 'full' && state === 'connected' && after === 'fresh',
    detail: `${answer}, ${state}, then ${after}`,
  })

  await cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
  const code = await RedisReplayMemory.connect({ url }).then(
    (connected) => connected.close(),
    (error: unknown) => errorCode(error),
  )
  await cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
  report.add({
    check: 'a Redis that makes room by forgetting is refused',
    ok: code === 'ERR_REPLAY_MEMORY_EVICTION',
    detail: String(code),
  })
}

async function checkAbsence({ report }: SuiteContext, server: RedisServer): Promise<void> {
  const states: string[] = []
  const onStateChange = (state: string) => states.push(state)
  const strict = await RedisReplayMemory.connect({ url: server.url, prefix: 'away:', onStateChange })
  const lenient = await RedisReplayMemory.connect({ url: server.url, prefix: 'away:', whenAway: 'accept-in-process' })
  const use = (memory: RedisReplayMemory, key: string) => memory.remember(key, 160, 100, SENDER)
  await use(strict, 'before')

  server.freeze()
  const began = performance.now()
  const frozen = [await use(strict, 'frozen'), await use(lenient, 'frozen')].join(', ')
  const waited = performance.now() - began
  server.thaw()
  report.add({
    check: 'a Redis that hangs holds nobody up',
    ok: frozen === 'away, fresh' && waited < 2000,
    detail: `${frozen} after ${Math.round(waited)} ms`,
  })
  await untilBack(strict, 'thawed')
  await untilBack(lenient, 'thawed')

  await server.kill()
  const killed = [await use(strict, 'during'), await use(strict, 'during')].join(', ')
  report.add({ check: 'a Redis that was killed is refused', ok: killed === 'away, away', detail: killed })
  const alone = [await use(lenient, 'during'), await use(lenient, 'during')].join(', ')
  report.add({
    check: 'or replaced by the own memory, where that was chosen',
    ok: alone === 'fresh, replayed',
    detail: alone,
  })

  await server.start()
  await untilBack(strict, 'back')
  await untilBack(lenient, 'back')
  const [first, second, own] = [await use(strict, 'after'), await use(lenient, 'after'), await use(lenient, 'during')]
  strict.close()
  lenient.close()
  report.add({
    check: 'and used again when it is back',
    ok: first === 'fresh' && second === 'replayed' && own === 'replayed',
    detail: [first, second, own].join(', '),
  })
  report.add({
    check: 'each change is reported',
    ok: states.join(', ') === 'away, connected, away, connected',
    detail: states.join(', '),
  })
}

async function untilBack(memory: RedisReplayMemory, name: string): Promise<void> {
  const deadline = Date.now() + BACK_PATIENCE_MS
  for (let attempt = 0; ; attempt++) {
    await memory.remember(`${name} ${attempt} ${memory.state}`, 160, 100, 'other')
    if (memory.state === 'connected') return
    if (Date.now() > deadline) throw new Error('the memory does not find Redis again')
    await pause(50)
  }
}
