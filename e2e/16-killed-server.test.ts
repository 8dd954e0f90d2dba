/**
 * A server is killed at random moments while it writes, and while it starts. Whatever it acknowledged is there, nothing has two
 * meanings, and nobody has to repair anything. `COUNTERSIGN_CRASH_ROUNDS=200` runs more of it, `COUNTERSIGN_CRASH_SEED` the same
 * again.
 */
import { afterEach, expect, it } from 'vitest'
import { CrashLedger } from './support/crash-ledger.ts'
import { type Random, writeUntilCutOff } from './support/crash-writers.ts'
import { ServerFolder } from './support/driven-server.ts'

const ROUNDS = Number(process.env['COUNTERSIGN_CRASH_ROUNDS'] ?? 20)
const SEED = Number(process.env['COUNTERSIGN_CRASH_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
/** From the first write on: long enough for the longest chain of steps. */
const LONGEST_MS = 700
/** From the start of the process on: as long as it takes to be ready. */
const LONGEST_START_MS = 900

let folder: ServerFolder
afterEach(() => folder.remove())

it(`killed ${ROUNDS} times: every acknowledged write is there, no serial number, revision or key has two meanings`, {
  timeout: 60_000 + ROUNDS * 5_000,
}, async () => {
  console.info(`seed ${SEED}`)
  folder = new ServerFolder()
  const random = randomOf(SEED)
  const ledger = new CrashLedger()
  let names = 0
  const startedAt = Date.now()
  for (let round = 0; round < ROUNDS; round++) {
    if (round % 5 === 4) await killWhileItStarts(random)
    const server = await folder.start()
    expect(await server.ready(), `round ${round}`).toBe(200)
    const { findings } = (await server.admin('/v1/checks')).body
    expect(findings.filter(({ status }: { status: string }) => status === 'problem')).toEqual([])
    let isOver = false
    const world = { server, ledger, random, name: () => `n${names++}` }
    const writing = writeUntilCutOff(world, () => isOver)
    await new Promise((resolve) => setTimeout(resolve, random() * LONGEST_MS))
    isOver = true
    await server.program.kill()
    await writing
    ledger.verify(folder.dataDir)
  }
  const server = await folder.start()
  expect(await server.ready()).toBe(200)
  await server.program.stop()
  ledger.verify(folder.dataDir)
  ledger.verifyKeys(folder.dataDir)
  const seconds = Math.round((Date.now() - startedAt) / 1000)
  const { acknowledged, highestRevision, certificates, steps } = ledger
  console.info(
    `${ROUNDS} kills in ${seconds} s: ${acknowledged} acknowledged writes, ${certificates.size} certificates, ` +
      `${steps.size} signing keys, revision ${highestRevision}`,
  )
  expect(acknowledged).toBeGreaterThan(ROUNDS * 5)
})

async function killWhileItStarts(random: Random): Promise<void> {
  const program = folder.spawn()
  await new Promise((resolve) => setTimeout(resolve, random() * LONGEST_START_MS))
  await program.kill()
}

/** Numbers that look random and are the same for the same seed. xorshift32 */
function randomOf(seed: number): Random {
  let state = seed | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}
