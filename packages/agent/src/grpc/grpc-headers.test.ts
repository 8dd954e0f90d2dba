import { describe, expect, it } from 'vitest'
import { encodeMessage, httpStatusOfRefusal, parseTimeoutMs } from './grpc-headers.ts'

describe('httpStatusOfRefusal', () => {
  it.each(['application/grpc', 'application/grpc+proto', 'application/grpc;charset=utf-8', 'Application/gRPC ; a=b'])(
    'takes %s',
    (type) => expect(httpStatusOfRefusal({ ':method': 'POST', 'content-type': type })).toBeUndefined(),
  )

  it.each([
    '',
    'application/json',
    'application/grpc-web',
    'application/grpc+json',
    'x-application/grpc',
    'text/plain',
  ])('answers 415 to "%s"', (type) =>
    expect(httpStatusOfRefusal({ ':method': 'POST', 'content-type': type })).toBe(415),
  )

  it('answers 415 when there is none, and 405 to another method', () => {
    expect(httpStatusOfRefusal({ ':method': 'POST' })).toBe(415)
    expect(httpStatusOfRefusal({ ':method': 'GET', 'content-type': 'application/grpc' })).toBe(405)
  })
})

describe('encodeMessage', () => {
  it.each([
    ['no identity issued', 'no identity issued'],
    ['100% of "it" & (more) !*\'~', '100%25 of "it" & (more) !*\'~'],
    ['Grüße, 身份', 'Gr%C3%BC%C3%9Fe, %E8%BA%AB%E4%BB%BD'],
    ['a\r\nb\t\0\x7f', 'a%0D%0Ab%09%00%7F'],
    ['half \ud800 a pair', 'half %EF%BF%BD a pair'],
    ['', ''],
  ])('%j', (message, encoded) => {
    expect(encodeMessage(message)).toBe(encoded)
    expect(decodeURIComponent(encodeMessage(message))).toBe(message.toWellFormed())
  })
})

describe('parseTimeoutMs', () => {
  it.each([
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3_000],
    ['4m', 4],
    ['5000u', 5],
    ['1n', 1],
    ['0S', 0],
    ['29999999u', 30_000],
  ])('%s', (value, milliseconds) => expect(parseTimeoutMs(value)).toBe(milliseconds))

  it.each([undefined, '', '5', 'S', '-1S', '1.5S', '123456789S', '1h', '1S ', '99999999H'])(
    'sets no time for "%s"',
    (value) => expect(parseTimeoutMs(value)).toBeUndefined(),
  )
})
