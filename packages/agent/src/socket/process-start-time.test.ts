import { describe, expect, it } from 'vitest'
import { parseStartTime, readStartTime } from './process-start-time.ts'

const stat = (name: string, state = 'S') =>
  `42 (${name}) ${state} 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 11 0 987654 1 2 3`

describe('parseStartTime', () => {
  it('reads field 22', () => {
    expect(parseStartTime(stat('node'))).toBe('987654')
  })

  it('is not misled by a process name that looks like fields', () => {
    expect(parseStartTime(stat('a) S 1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 111 ('))).toBe('987654')
  })

  it('does not count a process that has ended', () => {
    expect(parseStartTime(stat('node', 'Z'))).toBeUndefined()
    expect(parseStartTime(stat('node', 'X'))).toBeUndefined()
  })

  it('does not guess when the file is cut short', () => {
    expect(parseStartTime('42 (node) S 1')).toBeUndefined()
    expect(parseStartTime('')).toBeUndefined()
  })
})

describe('readStartTime', () => {
  it('gives this process the same answer twice', () => {
    expect(readStartTime(process.pid)).toMatch(/^[0-9]+$/)
    expect(readStartTime(process.pid)).toBe(readStartTime(process.pid))
  })

  it.each([0, -1, 1.5, Number.NaN, 4_194_305])('has none for pid %s', (pid) => {
    expect(readStartTime(pid)).toBeUndefined()
  })
})
