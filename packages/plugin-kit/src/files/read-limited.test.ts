import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readLimited } from './read-limited.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'read-limited-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('readLimited', () => {
  it('reads a file of exactly the limit whole', async () => {
    const path = join(folder, 'exact')
    await writeFile(path, 'x'.repeat(100_000))
    const { bytes, truncated } = await readLimited(path, 100_000)
    expect({ length: bytes.length, truncated }).toEqual({ length: 100_000, truncated: false })
  })

  it('stops at the limit and says so', async () => {
    const path = join(folder, 'long')
    await writeFile(path, 'abcdef')
    const { bytes, truncated } = await readLimited(path, 5)
    expect({ text: bytes.toString(), truncated }).toEqual({ text: 'abcde', truncated: true })
  })

  it('stops at the limit of a file without an end', async () => {
    const { bytes, truncated } = await readLimited('/dev/zero', 1000)
    expect({ length: bytes.length, truncated }).toEqual({ length: 1000, truncated: true })
  })

  it('honours an aborted signal', async () => {
    const reason = new Error('stopped')
    await expect(readLimited('/dev/zero', 10, AbortSignal.abort(reason))).rejects.toBe(reason)
  })
})
