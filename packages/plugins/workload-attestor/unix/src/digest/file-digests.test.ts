import { createHash } from 'node:crypto'
import { appendFile, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FileDigests } from './file-digests.ts'

const LARGE = 30_000_000
let folder: string
/** Far enough ahead that every file counts as settled. */
const later = { now: () => Math.floor(Date.now() / 1000) + 3600, schedule: () => () => {} }
const { signal } = new AbortController()

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'digest-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function file(name: string, content: string | Buffer): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}
const sha256 = (content: string | Buffer) => createHash('sha256').update(content).digest('hex')
const digestOf = async (digests: FileDigests, path: string, maxBytes = 1_000_000) => {
  const result = await digests.sha256(path, maxBytes, signal)
  return 'omitted' in result ? result.omitted : result.sha256
}

describe('FileDigests', () => {
  it.each([0, 1, 262_143, 262_144, 262_145, 800_000])('hashes %i bytes', async (length) => {
    const content = Buffer.alloc(length, 7)
    expect(await digestOf(new FileDigests(later), await file('a', content))).toBe(sha256(content))
  })

  it('says which file it read', async () => {
    const path = await file('a', 'x')
    const { dev, ino } = await stat(path, { bigint: true })
    expect(await new FileDigests(later).sha256(path, 10, signal)).toEqual({
      sha256: sha256('x'),
      device: dev,
      inode: ino,
    })
  })

  it('omits a file above the limit, not one at it', async () => {
    const path = await file('a', 'x'.repeat(10))
    expect(await digestOf(new FileDigests(later), path, 9)).toBe('larger than 9 bytes')
    expect(await digestOf(new FileDigests(later), path, 10)).toBe(sha256('x'.repeat(10)))
  })

  it('omits what cannot be opened or is no file', async () => {
    expect(await digestOf(new FileDigests(later), join(folder, 'missing'))).toBe('ENOENT')
    expect(await digestOf(new FileDigests(later), folder)).toBe('not a plain file')
    expect(await digestOf(new FileDigests(later), '/dev/zero')).toBe('not a plain file')
  })

  it('notices a change of content that restores size and time of modification', async () => {
    const digests = new FileDigests(later)
    const path = await file('a', 'good')
    // Whole seconds: a time with a fraction is not restored exactly.
    const time = new Date(1_600_000_000_000)
    await utimes(path, time, time)
    expect(await digestOf(digests, path)).toBe(sha256('good'))
    await settle(path)
    await writeFile(path, 'evil')
    await utimes(path, time, time)
    expect(await digestOf(digests, path)).toBe(sha256('evil'))
  })

  it('notices that a name leads to another file', async () => {
    const digests = new FileDigests(later)
    const link = join(folder, 'link')
    await symlink(await file('a', 'one'), link)
    expect(await digestOf(digests, link)).toBe(sha256('one'))
    await rm(link)
    await symlink(await file('b', 'two'), link)
    expect(await digestOf(digests, link)).toBe(sha256('two'))
  })

  it('remembers a file that has not changed for a while', async () => {
    const digests = new FileDigests(later)
    const path = await file('large', Buffer.alloc(LARGE, 1))
    expect(await bytesRead(() => digestOf(digests, path, LARGE))).toBeGreaterThanOrEqual(LARGE)
    expect(await bytesRead(() => digestOf(digests, path, LARGE))).toBeLessThan(LARGE / 2)
  })

  it('reads a file again that has just changed, for a second change may leave the same time', async () => {
    const digests = new FileDigests({ ...later, now: () => Math.floor(Date.now() / 1000) })
    const path = await file('large', Buffer.alloc(LARGE, 1))
    expect(await bytesRead(() => digestOf(digests, path, LARGE))).toBeGreaterThanOrEqual(LARGE)
    expect(await bytesRead(() => digestOf(digests, path, LARGE))).toBeGreaterThanOrEqual(LARGE)
  })

  it('reads a file once for overlapping callers', async () => {
    const digests = new FileDigests(later)
    const path = await file('large', Buffer.alloc(LARGE, 1))
    const all = () => Promise.all(Array.from({ length: 8 }, () => digestOf(digests, path, LARGE)))
    expect(await bytesRead(all)).toBeLessThan(2 * LARGE)
  })

  it('forgets what was not used for longest', async () => {
    const digests = new FileDigests(later, 2)
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => file(name, Buffer.alloc(LARGE, name))))
    for (const path of [a!, b!, a!, c!]) await digestOf(digests, path, LARGE)
    expect(await bytesRead(() => digestOf(digests, a!, LARGE))).toBeLessThan(LARGE / 2)
    expect(await bytesRead(() => digestOf(digests, b!, LARGE))).toBeGreaterThanOrEqual(LARGE)
  })

  it('omits a file that changes while it is read', async () => {
    const path = await file('a', Buffer.alloc(8_000_000, 1))
    const digests = new FileDigests(later)
    const [result] = await Promise.all([
      digestOf(digests, path, 100_000_000),
      (async () => {
        for (let round = 0; round < 20; round++) await appendFile(path, 'more')
      })(),
    ])
    expect(result).toBe('changed while it was read')
  })

  it('leaves no file open', async () => {
    const digests = new FileDigests(later)
    const path = await file('a', Buffer.alloc(1_000_000))
    const before = (await readdir('/proc/self/fd')).length
    await Promise.all([digestOf(digests, path), digestOf(digests, path)])
    await digestOf(digests, path)
    await digestOf(digests, path, 5)
    await digestOf(digests, folder)
    expect((await readdir('/proc/self/fd')).length).toBe(before)
  })

  it('answers many callers at once', async () => {
    const digests = new FileDigests(later)
    const paths = await Promise.all(Array.from({ length: 20 }, (_, index) => file(`f${index}`, `content ${index}`)))
    const results = await Promise.all([...paths, ...paths].map((path) => digestOf(digests, path)))
    expect(results).toEqual([...paths, ...paths].map((_, index) => sha256(`content ${index % 20}`)))
  })

  it('lets one caller give up without stopping another', async () => {
    const digests = new FileDigests(later)
    const content = Buffer.alloc(4_000_000, 3)
    const path = await file('a', content)
    const controller = new AbortController()
    const reason = new Error('gave up')
    const impatient = digests.sha256(path, 10_000_000, controller.signal)
    const patient = digestOf(digests, path, 10_000_000)
    controller.abort(reason)
    await expect(impatient).rejects.toBe(reason)
    expect(await patient).toBe(sha256(content))
  })

  it('takes no file handle while it waits, and stops when the last caller gives up', async () => {
    const digests = new FileDigests(later)
    const paths = await Promise.all(
      Array.from({ length: 12 }, (_, index) => file(`large${index}`, Buffer.alloc(LARGE, index))),
    )
    const before = (await readdir('/proc/self/fd')).length
    const patience = new AbortController()
    const read = await bytesRead(async () => {
      const calls = paths.map((path) => digests.sha256(path, LARGE, patience.signal).catch((error: Error) => error))
      await Promise.all(paths.map((path) => stat(path)))
      expect((await readdir('/proc/self/fd')).length).toBeLessThanOrEqual(before + 3)
      patience.abort(new Error('gave up'))
      await Promise.all(calls)
      expect(await digestOf(digests, await file('small', 'x'))).toBe(sha256('x'))
    })
    expect(read).toBeLessThan(3 * LARGE)
  })

  it('does not answer from the path of a caller that has gone', async () => {
    const digests = new FileDigests(later)
    const busy = await Promise.all(['b1', 'b2'].map((name) => file(name, Buffer.alloc(LARGE, name))))
    const content = Buffer.alloc(1000, 5)
    const path = await file('a', content)
    const link = join(folder, 'link')
    await symlink(path, link)
    const running = busy.map((each) => digestOf(digests, each, LARGE))
    await settle(path)
    const patience = new AbortController()
    const first = digests.sha256(link, LARGE, patience.signal).catch((error: Error) => error.message)
    await stat(link)
    const second = digestOf(digests, path, LARGE)
    await stat(path)
    patience.abort(new Error('gave up'))
    await rm(link)
    expect(await first).toBe('gave up')
    expect(await second).toBe(sha256(content))
    await Promise.all(running)
  })

  it('refuses when too many files of one user wait, not those of another', async () => {
    const digests = new FileDigests(later)
    const paths = await Promise.all(
      Array.from({ length: 40 }, (_, index) => file(`f${index}`, Buffer.alloc(3_000_000))),
    )
    const results = await Promise.allSettled(paths.map((path) => digests.sha256(path, LARGE, signal, 7)))
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []))
    expect(refused).toEqual(Array.from({ length: 8 }, () => 'ERR_ATTESTATION_NOT_POSSIBLE'))
  })
})

/** Waits until the kernel's coarse clock has moved on from a file's time of change, a few milliseconds. */
async function settle(path: string): Promise<void> {
  const { ctimeNs } = await stat(path, { bigint: true })
  const probe = join(folder, 'probe')
  for (let round = 0; round < 10_000; round++) {
    await writeFile(probe, String(round))
    if ((await stat(probe, { bigint: true })).ctimeNs > ctimeNs) return
  }
  throw new Error('the clock does not move')
}

/** Bytes this process read from files meanwhile: a large file shows above everything else. */
async function bytesRead(run: () => Promise<unknown>): Promise<number> {
  const before = await readCounter()
  await run()
  return (await readCounter()) - before
}

async function readCounter(): Promise<number> {
  return Number(/^rchar: ([0-9]+)$/m.exec(await readFile('/proc/self/io', 'utf8'))?.[1])
}
