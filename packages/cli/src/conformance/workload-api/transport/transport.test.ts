import { describe, expect, it } from 'vitest'
import { describeAnswer, grpcEnding, safeDetail } from './ending.ts'
import { encodeHeaderBlock } from './header-block.ts'

describe('header block', () => {
  it('writes literals that stand by themselves, lengths above 126 in more octets', () => {
    expect(encodeHeaderBlock([['te', 'trailers']]).toString('hex')).toBe('0002746508747261696c657273')
    // RFC 7541 appendix C.1.2: 1337 with a prefix of five bits; here with seven.
    expect(
      encodeHeaderBlock([['a', 'b'.repeat(1337)]])
        .subarray(0, 6)
        .toString('hex'),
    ).toBe('0001617fba09')
  })

  it('may send a field twice, and names that no library sends', () => {
    const block = encodeHeaderBlock([
      ['A', ''],
      ['A', '1'],
    ])
    expect(block.toString('hex')).toBe('000141000001410131')
  })
})

describe('what a report says of an answer', () => {
  it.each([
    [{ message: new Uint8Array(3) }, 'a message of 3 bytes'],
    [{ ending: grpcEnding('7', 'no%20identity') }, 'PERMISSION_DENIED (no identity)'],
    [{ ending: grpcEnding('99', '') }, 'grpc-status 99'],
    [{ ending: grpcEnding('3', '%') }, 'INVALID_ARGUMENT (%)'],
    [{}, 'no answer in time'],
  ])('%#', (answer, text) => {
    expect(describeAnswer(answer)).toBe(text)
  })

  it('hides tokens and data that a server repeats, and cuts long texts', () => {
    const token = `${Buffer.from('{"alg":"ES256"}').toString('base64url')}.e30.c2ln`
    expect(safeDetail(`bad token ${token} here`)).toBe('bad token [token] here')
    expect(safeDetail(`key ${'Ab1_'.repeat(20)}`)).toBe('key [data]')
    expect(safeDetail('no '.repeat(100))).toHaveLength(161)
  })
})
