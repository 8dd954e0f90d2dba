import { describe, expect, it } from 'vitest'
import { createLogger, type LoggerOptions } from './create-logger.ts'

function capture(options: Omit<LoggerOptions, 'destination'> = {}) {
  const lines: string[] = []
  const destination = { write: (line: string) => void lines.push(line) }
  const log = createLogger({ nowMilliseconds: () => 1_700_000_000_123, ...options, destination })
  return { log, lines, parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) }
}

const token = `${Buffer.from('{"alg":"ES256"}').toString('base64url')}.e30.c2ln`

describe('createLogger', () => {
  it('writes one JSON object per line: ISO time, level by name, fields, message', () => {
    const { log, lines } = capture()
    log.info({ spiffeId: 'spiffe://example.org/a', count: 2 }, 'credential issued')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/\n$/)
    expect(JSON.parse(lines[0]!)).toEqual({
      level: 'info',
      time: '2023-11-14T22:13:20.123Z',
      spiffeId: 'spiffe://example.org/a',
      count: 2,
      msg: 'credential issued',
    })
  })

  it('writes from its level up', () => {
    const { log, parsed } = capture({ level: 'warn' })
    log.debug({}, 'a')
    log.info({}, 'b')
    log.warn({}, 'c')
    log.error({}, 'd')
    expect(parsed().map((line) => line['msg'])).toEqual(['c', 'd'])
  })

  it('changes its level while running, children included', () => {
    const { log, parsed } = capture()
    const child = log.child({ part: 'socket' })
    child.debug({}, 'before')
    log.levels.set({ level: 'debug' })
    child.debug({}, 'during')
    log.levels.set({ level: 'silent' })
    child.error({}, 'after')
    expect(log.levels.report().level).toBe('silent')
    expect(parsed().map((line) => line['msg'])).toEqual(['during'])
  })

  it('changes the level of one component and of what is made from it', () => {
    const { log, parsed } = capture()
    const component = log.child({ component: 'issuance' })
    const part = component.child({ entryId: 'e' })
    const other = log.child({ listener: 'machine' })
    const plugin = log.child({ plugin: 'unix' })
    log.levels.set({ level: 'debug', component: 'issuance' })
    for (const each of [log, component, part, other, plugin]) each.debug({}, 'said')
    expect(parsed().map(({ component, entryId }) => [component, entryId])).toEqual([
      ['issuance', undefined],
      ['issuance', 'e'],
    ])
    expect(log.levels.report().components.map(({ name }) => name)).toEqual(['issuance', 'machine', 'unix'])
  })

  it('adds the fields of the program and of every child', () => {
    const { log, parsed } = capture({ fields: { program: 'agent' } })
    log.child({ part: 'socket' }).child({ peer: 7 }).info({ a: 1 }, 'accepted')
    expect(parsed()[0]).toMatchObject({ program: 'agent', part: 'socket', peer: 7, a: 1 })
  })

  it('blanks secrets in fields, messages and bound fields', () => {
    const { log, lines } = capture({ fields: { authorization: 'hunter2' } })
    log.child({ joinToken: 'hunter2' }).warn({ deep: { evidence: 'hunter2' }, text: token }, `refused ${token}`)
    expect(lines.join('')).not.toContain('hunter2')
    expect(lines.join('')).not.toContain(token.slice(0, 10))
    expect(JSON.parse(lines[0]!)).toMatchObject({ text: '[redacted token]', msg: 'refused [redacted token]' })
  })

  it('takes an error in place of fields', () => {
    const { log, parsed } = capture()
    log.error(new RangeError('too far'), 'failed')
    expect(parsed()[0]).toMatchObject({ msg: 'failed', error: { name: 'RangeError', message: 'too far' } })
  })

  it('does not let fields forge the head of a line', () => {
    const { log, lines, parsed } = capture()
    log.info({ level: 'error', time: 'never', msg: 'forged' }, 'real')
    expect(parsed()[0]).toMatchObject({ level: 'info', msg: 'real', level_: 'error', time_: 'never', msg_: 'forged' })
    expect(lines[0]!.match(/"level":/g)).toHaveLength(1)
  })

  it('keeps a line a line', () => {
    const { log, lines } = capture()
    log.info({ a: 'x\n{"level":"error"}' }, 'b\nc')
    expect(lines[0]!.trimEnd()).not.toContain('\n')
  })

  it('writes fields that are no object', () => {
    const { log, parsed } = capture()
    log.info(['a'], 'list')
    expect(parsed()[0]).toMatchObject({ value: ['a'] })
  })

  it('writes text for people', () => {
    const { log, lines } = capture({ format: 'text', colour: false })
    log.child({ part: 'socket' }).warn({ pid: 7, name: 'two words', list: [1] }, 'program refused')
    expect(lines).toEqual([
      '2023-11-14T22:13:20.123Z WARN  program refused part=socket pid=7 name="two words" list=[1]\n',
    ])
  })
})
