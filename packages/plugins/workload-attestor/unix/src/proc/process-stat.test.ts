import { describe, expect, it } from 'vitest'
import { parseProcessStat } from './process-stat.ts'

const line = (name: string, state = 'S', startTime = '98765') =>
  `4242 (${name}) ${state} 1 4242 4242 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 11 0 ${startTime} 1000 200 18446744073709551615\n`

describe('parseProcessStat', () => {
  it.each([
    'node',
    'two words',
    ')',
    '(',
    'a) Z 1 2 3',
    ') S 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 11111 (',
    '\xff\xfe',
    '',
  ])('is not misled by the name %j', (name) => {
    expect(parseProcessStat(line(name))).toEqual({ state: 'S', startTime: '98765' })
  })

  it('tells an ended process', () => expect(parseProcessStat(line('x', 'Z'))?.state).toBe('Z'))

  it.each([
    '',
    '4242',
    '4242 (node',
    '4242 (node)',
    '4242 (node) S 1 2',
    line('x', 'S', '-1'),
    line('x', 'S', 'x'),
    line('x', '7'),
  ])('refuses %j', (text) => expect(parseProcessStat(text)).toBe(undefined))

  it('takes its own process', async () => {
    const { readFile } = await import('node:fs/promises')
    expect(parseProcessStat(await readFile('/proc/self/stat', 'latin1'))?.startTime).toMatch(/^[0-9]+$/)
  })
})
