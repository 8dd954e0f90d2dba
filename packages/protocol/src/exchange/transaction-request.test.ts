import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { parseTransactionRequest } from './transaction-request.ts'

const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`

describe('parseTransactionRequest', () => {
  it('reads plain JSON, and nothing where nothing came', () => {
    expect(parseTransactionRequest({ details: '{"action":"BUY"}', context: undefined })).toEqual({
      details: { action: 'BUY' },
      context: undefined,
    })
    expect(parseTransactionRequest({ details: nested(8), context: '{}' }).context).toEqual({})
  })

  it.each([
    ['what is not JSON', 'action=BUY'],
    ['base64url of JSON', 'eyJhY3Rpb24iOiJCVVkifQ'],
    ['a list', '[]'],
    ['a name that stands twice', '{"a":1,"a":2}'],
    ['what is too deep', nested(9)],
    ['what is too large', JSON.stringify({ a: 'x'.repeat(4096) })],
    ['what is too large in bytes', JSON.stringify({ a: 'ü'.repeat(2048) })],
  ])('refuses %s', async (_, text) => {
    for (const texts of [
      { details: text, context: undefined },
      { details: undefined, context: text },
    ]) {
      const error = await expectCode(() => parseTransactionRequest(texts), 'ERR_OAUTH_INVALID_REQUEST')
      expect(error.message).not.toContain(text)
    }
  })
})
