import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expectCode } from '@countersign/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { formatHighWater, HighWaterMark, readHighWater } from './high-water-mark.ts'

async function newPath() {
  return join(await temporaryFolder(), 'high-water')
}

function open(path: string) {
  const mark = HighWaterMark.open(path)
  onTestFinished(() => {
    try {
      mark.close()
    } catch {
      // Closed by the test.
    }
  })
  return mark
}

describe('high-water mark', () => {
  it('is a private file that says what was noted last', async () => {
    const path = await newPath()
    const mark = open(path)
    expect(mark.found).toBe(undefined)
    mark.reserve(1)
    mark.note(1)
    mark.note(7)
    mark.noteTime(1_800_000_000)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const says = { revision: 7, reserved: 4097, time: 1_800_000_000 }
    expect(readHighWater(path)).toEqual(says)
    expect(open(path).found).toEqual(says)
  })

  it('never goes back, but for a time that an operator sets', async () => {
    const path = await newPath()
    const mark = open(path)
    mark.note(7)
    mark.note(6)
    mark.noteTime(20)
    mark.noteTime(10)
    expect(readHighWater(path)).toMatchObject({ revision: 7, time: 20 })
    mark.resetTime(10)
    expect(readHighWater(path)).toMatchObject({ revision: 7, time: 10 })
  })

  it('reserves each block before its first revision is used', async () => {
    const path = await newPath()
    const mark = open(path)
    for (const revision of [1, 2, 4097, 4098, 4099]) {
      mark.reserve(revision)
      expect(readHighWater(path)?.reserved).toBeGreaterThanOrEqual(revision)
    }
    expect(readHighWater(path)?.reserved).toBe(4098 + 4096)
  })

  it.each([0, 1])('is read from the other slot when a write to slot %i was torn', async (slot) => {
    const path = await newPath()
    const mark = open(path)
    for (const revision of [1, 2, 3, 4]) mark.note(revision)
    const bytes = readFileSync(path)
    bytes.fill(0x78, slot * 512 + 100, slot * 512 + 140)
    writeFileSync(path, bytes)
    expect([3, 4]).toContain(readHighWater(path)?.revision)
    expect(open(path).found?.revision).toBeGreaterThanOrEqual(3)
  })

  it('refuses a file that no crash can leave', async () => {
    const path = await newPath()
    writeFileSync(path, 'revision: 7\n')
    await expectCode(() => HighWaterMark.open(path), 'ERR_STORE_MARK')
    await expectCode(() => readHighWater(path), 'ERR_STORE_MARK')
    writeFileSync(path, formatHighWater({ revision: -1, reserved: 0, time: 0 }))
    await expectCode(() => readHighWater(path), 'ERR_STORE_MARK')
    writeFileSync(path, formatHighWater({ revision: 1, reserved: 1, time: 0 }))
    truncateSync(path, 80)
    await expectCode(() => readHighWater(path), 'ERR_STORE_MARK')
  })

  it('is not there', async () => {
    expect(readHighWater(await newPath())).toBe(undefined)
  })
})
