import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventStreamParser } from './event-stream.ts'

const parse = (pieces: readonly Uint8Array[], max = 1000) => {
  const parser = new EventStreamParser(max)
  return pieces.flatMap((piece) => parser.push(piece))
}
const bytes = (text: string) => Buffer.from(text)

describe('EventStreamParser', () => {
  it('reads events, several data lines as one text', () => {
    expect(parse([bytes('event: sync\ndata: {"a":\ndata: 1}\n\ndata:x\n\n')])).toEqual([
      { event: 'sync', data: '{"a":\n1}' },
      { event: 'message', data: 'x' },
    ])
  })

  it('passes over comments, unknown fields and events without data', () => {
    expect(parse([bytes(': beat\n\nevent: sync\n\nid: 7\nretry: 1\nfoo\ndata: x\n\n')])).toEqual([
      { event: 'message', data: 'x' },
    ])
  })

  it('keeps an event back until its blank line has come', () => {
    expect(parse([bytes('data: x\n')])).toEqual([])
  })

  it('reads the same however the bytes are cut', () => {
    const text = bytes('event: sync\r\ndata: é€\r\rdata: b\n\nevent: e\ndata: c\r\n\r\n')
    const whole = parse([text])
    expect(whole).toEqual([
      { event: 'sync', data: 'é€' },
      { event: 'message', data: 'b' },
      { event: 'e', data: 'c' },
    ])
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: text.length }), { maxLength: 20 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), text.length]
        const pieces = at.slice(1).map((end, index) => text.subarray(at[index], end))
        expect(parse(pieces)).toEqual(whole)
      }),
    )
  })

  it.each([
    ['one long line', [bytes(`data: ${'x'.repeat(200)}`)]],
    ['many lines', Array.from({ length: 50 }, () => bytes('data: xxxx\n'))],
    ['a line that never ends', Array.from({ length: 50 }, () => bytes('xxxxx'))],
  ])('refuses an event that is too large: %s', (_, pieces) => {
    expect(() => parse(pieces, 100)).toThrow(expect.objectContaining({ code: 'ERR_AGENT_SERVER_RESPONSE' }))
  })

  it('counts each event by itself', () => {
    const many = Array.from({ length: 50 }, () => bytes('data: xxxx\n\n'))
    expect(parse(many, 100)).toHaveLength(50)
  })
})
