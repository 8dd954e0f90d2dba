import { describe, expect, it } from 'vitest'
import { formatLogLine } from './text-format.ts'

const line = (fields: object) =>
  JSON.stringify({ time: '2023-11-14T22:13:20.123Z', level: 'info', msg: 'hello', ...fields })

describe('formatLogLine', () => {
  it('is time, level, message and fields', () => {
    expect(formatLogLine(line({ a: 1, b: 'x', c: null, d: { e: true } }))).toBe(
      '2023-11-14T22:13:20.123Z INFO  hello a=1 b=x c=null d={"e":true}\n',
    )
  })

  it('quotes values that could be taken for two', () => {
    expect(formatLogLine(line({ a: 'x b=2', b: '', c: 'say "hi"', d: 'back\\slash' }))).toBe(
      '2023-11-14T22:13:20.123Z INFO  hello a="x b=2" b="" c="say \\"hi\\"" d="back\\\\slash"\n',
    )
  })

  it('colours the level on demand', () => {
    expect(formatLogLine(line({ level: 'error' }), { colour: true })).toContain('\u001b[31mERROR\u001b[0m hello')
  })

  it('lets nothing steer the terminal or end the line', () => {
    const hostile = '\u001b[2J\u009b2J\r\n\u0000\u2028\u202e'
    const formatted = formatLogLine(line({ [hostile]: hostile, msg: hostile }))
    expect(formatted.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/)
    expect(formatted).toContain('\\u001b[2J\\u009b2J')
  })
})
