import {
  appendFileSync,
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describeReplayMemory } from '@countersign/testing/contract'
import { describe, expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { UsedTokens, type UsedTokensOptions } from './used-tokens.ts'

const NOW = 1_800_000_000
const BOOT = '00000000-0000-4000-8000-000000000001'
const OTHER_BOOT = '00000000-0000-4000-8000-000000000002'

async function folderOfTokens(): Promise<string> {
  return join(await temporaryFolder(), 'used-tokens')
}

function open(folder: string, options: Partial<UsedTokensOptions> = {}): UsedTokens {
  const memory = UsedTokens.open({ folder, name: undefined, bootId: BOOT, now: NOW, ...options })
  memory.forgetOlder()
  onTestFinished(() => memory.close())
  return memory
}

describeReplayMemory('UsedTokens', async () => ({
  memory: open(await folderOfTokens(), { capacity: 40, senderShare: 0.5 }),
  senderCapacity: 20,
}))

/** A memory in which `a` was used, left as by a process that was killed, and how the next one opens it. */
async function killed() {
  const folder = await folderOfTokens()
  const first = open(folder)
  expect(first.remember('a', NOW + 60, NOW, 'one')).toBe('fresh')
  const again = (options: Partial<UsedTokensOptions> = {}) => open(folder, { name: first.name, ...options })
  const newest = () => join(folder, readdirSync(folder).sort().at(-1) ?? '')
  return { folder, first, again, newest }
}

/** Made after the fence, so that it cannot have been used before. */
const isTaken = (memory: UsedTokens, key: string, now: number) => memory.remember(key, now + 60, now, 'one', now)

describe('a memory of used tokens', () => {
  it('begins without a fence', async () => {
    const memory = open(await folderOfTokens())
    expect(memory).toMatchObject({ loss: undefined, fence: 0 })
    expect(memory.remember('a', NOW + 60, NOW, 'one', NOW - 3600)).toBe('fresh')
  })

  it('knows after a process was killed what was used before, again and again', async () => {
    const { folder, again } = await killed()
    for (let run = 0; run < 3; run++) {
      const next = again({ now: NOW + run })
      expect(next).toMatchObject({ loss: undefined, fence: 0 })
      expect(next.remember('a', NOW + 60, NOW + run, 'one')).toBe('replayed')
      expect(next.remember(`b${run}`, NOW + 60, NOW + run, 'one')).toBe('fresh')
      expect(readdirSync(folder)).toHaveLength(1)
    }
    const last = again({ now: NOW + 3 })
    for (const key of ['a', 'b0', 'b1', 'b2']) expect(last.remember(key, NOW + 60, NOW + 3, 'one')).toBe('replayed')
  })

  it('knows it also after the system stopped, when it was closed in good order', async () => {
    const { first, again } = await killed()
    first.close()
    const next = again({ bootId: OTHER_BOOT })
    expect(next).toMatchObject({ loss: undefined, fence: 0 })
    expect(next.remember('a', NOW + 60, NOW, 'one')).toBe('replayed')
  })

  it('keeps each sender to its share over a restart', async () => {
    const folder = await folderOfTokens()
    const options = { capacity: 4 }
    const first = open(folder, options)
    expect(first.remember('a', NOW + 60, NOW, 'one')).toBe('fresh')
    expect(first.remember('b', NOW + 60, NOW, 'one')).toBe('fresh')
    const next = open(folder, { ...options, name: first.name })
    expect(next.remember('c', NOW + 60, NOW, 'one')).toBe('full')
    expect(next.remember('c', NOW + 60, NOW, 'two')).toBe('fresh')
    expect(next.remember('d', NOW + 120, NOW + 60, 'one')).toBe('fresh')
  })

  it('says that it is away when it cannot write, and that the token is fresh when it can again', async () => {
    const { first, folder } = await killed()
    const writer = breakWriter(folder)
    expect(first.remember('b', NOW + 60, NOW, 'one')).toBe('away')
    writer.mend()
    expect(first.remember('b', NOW + 60, NOW, 'one')).toBe('fresh')
    expect(first.remember('b', NOW + 60, NOW, 'one')).toBe('replayed')
  })

  it('is away once it is closed', async () => {
    const { first } = await killed()
    first.close()
    // By then its file may be somebody else's: nothing is written, and nothing is said that was not.
    for (const key of ['a', 'b']) expect(first.remember(key, NOW + 60, NOW, 'one')).toBe('away')
  })

  it('drops a record that was cut short: nobody was told', async () => {
    const { again, newest } = await killed()
    appendFileSync(newest(), Buffer.alloc(13, 7))
    const next = again()
    expect(next.loss).toBeUndefined()
    expect(next.remember('a', NOW + 60, NOW, 'one')).toBe('replayed')
  })
})

describe('a memory that may have lost something', () => {
  type World = Awaited<ReturnType<typeof killed>>
  const elsewhere = (folder: string) => `${folder}-aside`
  it.each<[string, string, (world: World) => unknown]>([
    ['the system stopped before it was closed', 'system-stopped', () => ({ bootId: OTHER_BOOT })],
    ['nothing tells which run of the system wrote it', 'system-stopped', () => ({ bootId: undefined })],
    ['the files are gone', 'lost', ({ folder }) => rmSync(folder, { recursive: true })],
    ['a record is damaged', 'lost', ({ newest }) => flip(newest(), -5)],
    ['the header is damaged', 'lost', ({ newest }) => flip(newest(), 100)],
    ['the file is empty', 'lost', ({ newest }) => truncateSync(newest(), 0)],
    ['the file is a folder', 'lost', replaceByFolder],
    ['the store never had any', 'other', () => ({ name: undefined })],
    ['the store was put back', 'other', () => ({ name: '' })],
    ['it is of another store', 'other', () => ({ name: 'other' })],
    [
      'the folder was copied',
      'copied',
      ({ folder, first }) => {
        first.close()
        renameSync(folder, elsewhere(folder))
        cpSync(elsewhere(folder), folder, { recursive: true, preserveTimestamps: true })
      },
    ],
    [
      'an older copy was put in place',
      'copied',
      ({ folder, newest, first }) => {
        first.close()
        const bytes = readFileSync(newest())
        const path = newest()
        rmSync(path)
        // Keeps the number of the old file from being used again.
        writeFileSync(join(folder, 'occupied'), '')
        writeFileSync(path, bytes)
      },
    ],
  ])('puts up a fence: %s', async (_, loss, damage) => {
    const world = await killed()
    const options = damage(world) as Partial<UsedTokensOptions> | undefined
    const later = NOW + 10
    const next = world.again({ now: later, ...options })
    expect(next).toMatchObject({ loss, fence: later })
    expect(next.remember('a', NOW + 60, later, 'one', NOW)).toBe('forgotten')
    expect(next.remember('a', NOW + 60, later, 'one', later)).toBe('forgotten')
    expect(isTaken(next, 'b', later + 1)).toBe('fresh')
    expect(isTaken(next, 'b', later + 1)).toBe('replayed')
    expect(readdirSync(world.folder).filter((name) => name !== 'occupied')).toHaveLength(1)

    // The fence outlives the process.
    next.close()
    const third = open(world.folder, { name: next.name, now: later + 20 })
    expect(third).toMatchObject({ loss: undefined, fence: later })
    expect(third.remember('a', NOW + 60, later + 20, 'one', NOW)).toBe('forgotten')
    expect(isTaken(third, 'b', later + 1)).toBe('replayed')
  })

  it('refuses what says nothing of its age until a day before its end is after the fence', async () => {
    const { again } = await killed()
    const memory = again({ bootId: OTHER_BOOT })
    const day = 86_400
    expect(memory.remember('b', NOW + day, NOW + 60, 'one')).toBe('forgotten')
    expect(memory.remember('b', NOW + day + 1, NOW + 60, 'one')).toBe('fresh')
    expect(memory.remember('c', NOW + day + 1, NOW + 60, 'one', Number.NaN)).toBe('forgotten')
  })

  it('puts one up while it runs, for this run and the next', async () => {
    const { first, again } = await killed()
    first.putUpFence(NOW + 5)
    expect(first.remember('c', NOW + 60, NOW + 6, 'one', NOW + 5)).toBe('forgotten')
    expect(isTaken(first, 'b', NOW + 6)).toBe('fresh')
    const next = again({ now: NOW + 7 })
    expect(next).toMatchObject({ loss: undefined, fence: NOW + 5 })
    expect(isTaken(next, 'b', NOW + 7)).toBe('replayed')
    first.putUpFence(NOW)
    expect(first.fence).toBe(NOW + 5)
  })
})

describe('files of used tokens', () => {
  it('stay small, and lose nothing that still counts', async () => {
    const folder = await folderOfTokens()
    const memory = open(folder, { leastFileBytes: 32 * 1024 })
    let largest = 0
    let most = 0
    for (let index = 0; index < 20_000; index++) {
      const now = NOW + Math.floor(index / 100)
      expect(memory.remember(`t${index}`, now + 10, now, 'one')).toBe('fresh')
      if (index % 50 !== 0) continue
      const names = readdirSync(folder)
      most = Math.max(most, names.length)
      largest = Math.max(largest, ...names.map((name) => statSync(join(folder, name)).size))
    }
    expect(most).toBeLessThanOrEqual(2)
    expect(largest).toBeLessThan(300 * 1024)
    expect(memory.size).toBeLessThan(5000)
    const next = open(folder, { name: memory.name, now: NOW + 199 })
    for (let index = 19_000; index < 20_000; index++) {
      expect(next.remember(`t${index}`, NOW + 260, NOW + 199, 'one')).toBe('replayed')
    }
  })

  it('follow one that cannot be closed', async () => {
    // Their numbers are lower than that of the first file, so that the second does not get that one.
    const spare = Array.from({ length: 8 }, () => openSync('/dev/null', 'r'))
    const { folder, first, again } = await killed()
    breakWriter(folder)
    for (const each of spare) closeSync(each)
    first.putUpFence(NOW + 5)
    expect(isTaken(first, 'b', NOW + 6)).toBe('fresh')
    const next = again({ now: NOW + 7 })
    expect(next).toMatchObject({ loss: undefined, fence: NOW + 5 })
    expect(isTaken(next, 'b', NOW + 7)).toBe('replayed')
  })

  it('can be left by a kill at any moment while one follows another', async () => {
    const folder = await folderOfTokens()
    const memory = open(folder, { leastFileBytes: 16 * 1024 })
    let copies = 0
    let files = 1
    for (let index = 0; index < 9000; index++) {
      const now = NOW + Math.floor(index / 10)
      expect(memory.remember(`t${index}`, now + 60, now, 'one')).toBe('fresh')
      const before = files
      files = readdirSync(folder).length
      const isJustCopied = files === 1 && before === 2
      if (!isJustCopied && (files === 1 || index % 16 !== 0)) continue
      copies += 1
      // What a killed process leaves is what is there at this moment.
      const next = UsedTokens.open({ folder, name: memory.name, bootId: BOOT, now })
      expect(next.loss).toBeUndefined()
      // More than are used while a file is copied.
      for (let used = Math.max(0, index - 590); used <= index; used++) {
        expect(next.remember(`t${used}`, now + 60, now, 'one')).toBe('replayed')
      }
      next.close()
      rmSync(join(folder, readdirSync(folder).sort().at(-1) ?? ''))
    }
    expect(copies).toBeGreaterThan(20)
  })
})

function replaceByFolder({ newest }: { readonly newest: () => string }): void {
  const path = newest()
  rmSync(path)
  mkdirSync(path)
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  const index = at < 0 ? bytes.length + at : at
  bytes[index] = (bytes[index] as number) ^ 1
  // In place, so that it is still the file that was written.
  writeFileSync(path, bytes, { flag: 'r+' })
}

/** Takes the file from under a memory, as a disk that fails does. */
function breakWriter(folder: string): { mend(): void } {
  const [name = ''] = readdirSync(folder)
  const path = join(folder, name)
  const isOpen = (fd: string) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path
    } catch {
      return false
    }
  }
  const file = Number(readdirSync('/proc/self/fd').find(isOpen))
  closeSync(file)
  return {
    mend() {
      const spare: number[] = []
      for (let next = openSync(path, 'r+'); next !== file && spare.length < 64; next = openSync(path, 'r+'))
        spare.push(next)
      for (const each of spare) closeSync(each)
    },
  }
}
