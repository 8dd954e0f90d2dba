import { GrpcStatus } from '@countersign/workload-api/server'
import { describe, expect, it } from 'vitest'
import { frameMessage } from './message-frame.ts'
import { MessageReader } from './message-reader.ts'

const messages = ['', 'a', 'bc'.repeat(500), '']
const octets = Buffer.concat(messages.map((message) => frameMessage(Buffer.from(message))))

function read(chunks: Iterable<Buffer>, { maxBytes = 1000, encoding = undefined as string | undefined } = {}) {
  const reader = new MessageReader({ maxBytes, encoding })
  const whole: string[] = []
  for (const chunk of chunks) {
    reader.push(chunk)
    for (let next = reader.next(); next !== undefined; next = reader.next()) whole.push(next.toString())
  }
  return { whole, reader }
}

describe('MessageReader', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 500, octets.length])('finds the messages in chunks of %i octets', (size) => {
    const chunks = Array.from({ length: Math.ceil(octets.length / size) }, (_, index) =>
      octets.subarray(index * size, (index + 1) * size),
    )
    const { whole, reader } = read(chunks)
    expect(whole).toEqual(messages)
    expect(reader.isEmpty).toBe(true)
  })

  it('says when the last message is not whole', () => {
    expect(read([octets.subarray(0, -1)]).reader.isEmpty).toBe(false)
    expect(read([octets, Buffer.of(0)]).reader.isEmpty).toBe(false)
  })

  it('refuses a message that is too long before it has come', () => {
    expect(() => read([Buffer.of(0, 0, 0, 0x03, 0xe9)])).toThrow(
      expect.objectContaining({ code: GrpcStatus.RESOURCE_EXHAUSTED }),
    )
    expect(() => read([Buffer.of(0, 0xff, 0xff, 0xff, 0xff)])).toThrow(
      expect.objectContaining({ code: GrpcStatus.RESOURCE_EXHAUSTED }),
    )
    expect(read([Buffer.of(0, 0, 0, 0x03, 0xe8)]).whole).toEqual([])
  })

  it.each([
    ['of an encoding that is not served', 1, 'gzip', GrpcStatus.UNIMPLEMENTED],
    ['of no encoding', 1, undefined, GrpcStatus.INTERNAL],
    ['of the encoding that is none', 1, 'identity', GrpcStatus.INTERNAL],
    ['with a flag that does not exist', 2, 'gzip', GrpcStatus.INTERNAL],
  ])('refuses a message that says to be compressed: %s', (_, flag, encoding, code) => {
    expect(() => read([Buffer.of(flag, 0, 0, 0, 0)], { encoding })).toThrow(expect.objectContaining({ code }))
  })

  it('takes a plain message from a client that could compress', () => {
    expect(read([frameMessage(Buffer.from('a'))], { encoding: 'gzip' }).whole).toEqual(['a'])
  })

  it('does not write into what it was given', () => {
    const first = Buffer.concat([frameMessage(Buffer.from('abc')).subarray(0, 6), Buffer.from('xyz')]).subarray(0, 6)
    const { whole } = read([first, Buffer.from('bc')])
    expect(whole).toEqual(['abc'])
    expect(Buffer.from(first.buffer, first.byteOffset, 9).toString('latin1').slice(6)).toBe('xyz')
  })
})
