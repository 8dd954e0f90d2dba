import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { FLAG, FRAME, frame, PREFACE, readFrames } from '../test-support/http2-frames.ts'
import { RECORDED_CLIENTS } from '../test-support/recorded-clients.ts'
import { encodeLiterals } from './hpack/encode-literals.ts'
import { HpackDecoder } from './hpack/hpack-decoder.ts'
import { RequestStamper } from './request-stamper.ts'

const STAMP = 'the-stamp'
const { endStream, endHeaders, padded, priority } = FLAG

const fieldsOf = (block: Buffer) => new HpackDecoder(100_000).decode(block).map(({ name, value }) => [name, value])
const block = (...fields: string[][]) => encodeLiterals(fields.map(([name = '', value = '']) => ({ name, value })))
const request = (...fields: string[][]) => block([':method', 'POST'], ...fields)
const headers = (payload: Buffer, streamId = 1, flags = endHeaders) => frame(FRAME.headers, flags, streamId, payload)

/** What is passed on, whole. */
function pass(chunks: readonly Buffer[], stamper = new RequestStamper(STAMP)): Buffer {
  return Buffer.concat(chunks.flatMap((chunk) => [...stamper.push(chunk)]))
}
const passAfterPreface = (...frames: Buffer[]) =>
  readFrames(pass([Buffer.concat([PREFACE, ...frames])]).subarray(PREFACE.length))
const fieldsPassed = (...frames: Buffer[]) => passAfterPreface(...frames).map(({ payload }) => fieldsOf(payload))

describe.each(RECORDED_CLIENTS)('what $name sends', ({ octets, authority, path, userAgent }) => {
  it('has its authority replaced, and nothing else', () => {
    const sent = readFrames(octets.subarray(PREFACE.length))
    const passed = readFrames(pass([octets]).subarray(PREFACE.length))
    expect(passed.filter(({ type }) => type !== FRAME.headers)).toEqual(
      sent.filter(({ type }) => type !== FRAME.headers),
    )
    const [before, after] = [sent, passed].map((frames) => frames.find(({ type }) => type === FRAME.headers))
    const fields = fieldsOf(before!.payload)
    expect(fields).toContainEqual([':authority', authority])
    expect(fields).toContainEqual([':path', path])
    expect(fields).toContainEqual(['user-agent', userAgent])
    expect(fields).toContainEqual(['workload.spiffe.io', 'true'])
    expect(fieldsOf(after!.payload)).toEqual(
      fields.map((field) => (field[0] === ':authority' ? [field[0], STAMP] : field)),
    )
    expect(after).toMatchObject({ streamId: before!.streamId, flags: before!.flags })
  })

  it('may come in pieces, cut anywhere', () => {
    const whole = pass([octets])
    for (let at = 0; at <= octets.length; at++) {
      expect(pass([octets.subarray(0, at), octets.subarray(at)]).equals(whole), `cut at ${at}`).toBe(true)
    }
    expect(pass([...octets].map((octet) => Buffer.of(octet))).equals(whole)).toBe(true)
  })
})

describe('the stamp', () => {
  it.each(['', '/tmp/agent.sock', 'unix:/tmp/agent.sock', 'tmp%2Fagent.sock', 'localhost', STAMP.toUpperCase()])(
    'replaces the authority "%s"',
    (authority) => {
      expect(fieldsPassed(headers(request([':authority', authority], ['te', 'trailers'])))).toEqual([
        [
          [':method', 'POST'],
          [':authority', STAMP],
          ['te', 'trailers'],
        ],
      ])
    },
  )

  it('replaces one that is the name of the static table alone, with its empty value', () => {
    expect(fieldsPassed(headers(Buffer.of(0x83, 0x81)))).toEqual([
      [
        [':method', 'POST'],
        [':authority', STAMP],
      ],
    ])
  })

  it('replaces one that refers to an earlier request, though the table is full of others', () => {
    const first = Buffer.from('83410162' + '4001630164', 'hex')
    const stamped = [
      [':method', 'POST'],
      [':authority', STAMP],
    ]
    expect(fieldsPassed(headers(first, 1), headers(Buffer.of(0x83, 0xbf), 3))).toEqual([
      [...stamped, ['c', 'd']],
      stamped,
    ])
    const named = Buffer.from(`83 7f0001 65`.replaceAll(' ', ''), 'hex')
    expect(fieldsPassed(headers(first, 1), headers(named, 3))[1]).toEqual(stamped)
  })

  it('is added where there is no authority, before everything else, and stands in for a host', () => {
    expect(fieldsPassed(headers(request(['host', 'localhost'], ['te', 'trailers'])))).toEqual([
      [
        [':authority', STAMP],
        [':method', 'POST'],
        ['te', 'trailers'],
      ],
    ])
  })

  it('is on each of two authorities, for HTTP/2 to refuse', () => {
    const [fields] = fieldsPassed(headers(request([':authority', 'a'], [':authority', 'b'])))
    expect(fields?.filter(([name]) => name === ':authority')).toEqual([
      [':authority', STAMP],
      [':authority', STAMP],
    ])
  })

  it('is not put on trailers', () => {
    const trailers = headers(block(['status', 'done']), 1, endHeaders | endStream)
    expect(fieldsPassed(headers(request(), 1), trailers)[1]).toEqual([['status', 'done']])
  })
})

describe('a header block', () => {
  const content = request([':authority', '/tmp/agent.sock'], ['te', 'trailers'])
  const stamped = fieldsPassed(headers(content))
  const withPriority = Buffer.concat([Buffer.from('8000000010', 'hex'), content])

  it.each([
    ['with padding', padded, Buffer.concat([Buffer.of(3), content, Buffer.alloc(3)])],
    ['with padding of no octets', padded, Buffer.concat([Buffer.of(0), content])],
    ['with a priority', priority, withPriority],
    ['with both', padded | priority, Buffer.concat([Buffer.of(9), withPriority, Buffer.alloc(9)])],
  ])('%s is read', (_, flags, payload) => {
    const octets = Buffer.concat([PREFACE, headers(payload, 5, endHeaders | endStream | flags)])
    const whole = pass([octets])
    const frames = readFrames(whole.subarray(PREFACE.length))
    expect(frames).toMatchObject([{ streamId: 5, flags: endHeaders | endStream }])
    expect([fieldsOf(frames[0]!.payload)]).toEqual(stamped)
    for (let at = 0; at <= octets.length; at++) {
      expect(pass([octets.subarray(0, at), octets.subarray(at)]).equals(whole), `cut at ${at}`).toBe(true)
    }
  })

  it('may be in several frames, cut anywhere, and becomes one', () => {
    for (let at = 0; at <= content.length; at++) {
      const frames = [
        headers(content.subarray(0, at), 7, endStream),
        frame(FRAME.continuation, 0, 7),
        frame(FRAME.continuation, endHeaders, 7, content.subarray(at)),
      ]
      expect(fieldsPassed(...frames)).toEqual(stamped)
      expect(passAfterPreface(...frames)).toMatchObject([{ streamId: 7, flags: endHeaders | endStream }])
    }
  })

  it.each([
    ['has more padding than it is long', [headers(Buffer.of(2, 0), 1, endHeaders | padded)]],
    ['says that it is padded and is empty', [headers(Buffer.alloc(0), 1, endHeaders | padded)]],
    ['has half a priority', [headers(Buffer.alloc(4), 1, endHeaders | priority)]],
    ['belongs to no stream', [headers(content, 0)]],
    ['begins in the middle', [frame(FRAME.continuation, endHeaders, 1, content)]],
    ['goes on in another stream', [headers(content, 1, 0), frame(FRAME.continuation, endHeaders, 3)]],
    ['is interrupted by another', [headers(content, 1, 0), headers(content, 3)]],
    ['is interrupted by data', [headers(content, 1, 0), frame(FRAME.data, 0, 1)]],
    ['is interrupted by an unknown frame', [headers(content, 1, 0), frame(0xbb, 0, 0)]],
    ['is a promise', [frame(FRAME.pushPromise, endHeaders, 1, Buffer.concat([Buffer.alloc(4), content]))]],
    ['cannot be decoded', [headers(Buffer.of(0x80))]],
  ])('is refused when it %s', (_, frames) => {
    expectCode(() => passAfterPreface(...frames), 'ERR_HTTP2_INPUT_MALFORMED')
  })

  it.each([
    ['is in a frame above the limit', [frame(FRAME.headers, endHeaders, 1, Buffer.alloc(16_385))]],
    ['has too long a value', [headers(request(['a', 'v'.repeat(16_200)]))]],
    [
      'has too long a value in parts',
      [headers(Buffer.alloc(12_000), 1, 0), frame(FRAME.continuation, 0, 1, Buffer.alloc(12_000))],
    ],
    [
      'has too many parts',
      [headers(content, 1, 0), ...Array.from({ length: 9 }, () => frame(FRAME.continuation, 0, 1))],
    ],
  ])('is refused when it %s', (_, frames) => {
    expectCode(() => passAfterPreface(...frames), 'ERR_HTTP2_INPUT_TOO_LARGE')
  })

  it('is refused before the frame is there when that says to be too long', () => {
    const stamper = new RequestStamper(STAMP)
    const head = frame(FRAME.headers, endHeaders, 1, Buffer.alloc(20_000)).subarray(0, 9)
    expectCode(() => pass([PREFACE, head], stamper), 'ERR_HTTP2_INPUT_TOO_LARGE')
  })

  it('always fits into one frame when it is written anew', () => {
    const largest = 16_384 - 256 - (':method'.length + 'POST'.length + 32) - ('a'.length + 32)
    const [passed] = passAfterPreface(headers(request(['a', 'v'.repeat(largest)])))
    expect(passed!.payload.length).toBeLessThanOrEqual(16_384)
  })
})

describe('everything else', () => {
  it('is passed on as it came, and not copied', () => {
    const data = frame(FRAME.data, endStream, 1, Buffer.alloc(5_000, 7))
    const chunk = Buffer.concat([PREFACE, data, frame(FRAME.ping, 0, 0, Buffer.alloc(8)), data])
    const pieces = [...new RequestStamper(STAMP).push(chunk)]
    expect(pieces).toHaveLength(1)
    expect(pieces[0]!.buffer).toBe(chunk.buffer)
    expect(pieces[0]!.equals(chunk)).toBe(true)
  })

  it('keeps its place between requests', () => {
    const frames = [
      headers(request(), 1),
      frame(FRAME.data, 0, 1, Buffer.of(1)),
      headers(request(), 3),
      frame(FRAME.reset, 0, 1, Buffer.alloc(4)),
    ]
    expect(passAfterPreface(...frames).map(({ type, streamId }) => [type, streamId])).toEqual([
      [FRAME.headers, 1],
      [FRAME.data, 1],
      [FRAME.headers, 3],
      [FRAME.reset, 1],
    ])
  })

  it('hides nothing: data that looks like a request is data', () => {
    const inner = headers(request([':authority', 'forged']))
    const [passed] = passAfterPreface(frame(FRAME.data, 0, 1, inner))
    expect(passed!.payload.equals(inner)).toBe(true)
  })
})
