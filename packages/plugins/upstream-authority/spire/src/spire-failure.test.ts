import { UpstreamAuthorityError } from '@countersign/plugin-kit'
import { status } from '@grpc/grpc-js'
import { expect, it } from 'vitest'
import { isUnimplemented, toUpstreamError } from './spire-failure.ts'

const ended = (code: status) => Object.assign(new Error('x'), { code, details: `said ${'x'.repeat(2000)}` })

it.each([
  [status.PERMISSION_DENIED, 'ERR_UPSTREAM_AUTHORITY_REFUSED', /-downstream/],
  [status.UNAUTHENTICATED, 'ERR_UPSTREAM_AUTHORITY_REFUSED', /-downstream/],
  [status.INVALID_ARGUMENT, 'ERR_UPSTREAM_AUTHORITY_REFUSED', /request/],
  [status.UNIMPLEMENTED, 'ERR_UPSTREAM_AUTHORITY_REFUSED', /request/],
  [status.UNAVAILABLE, 'ERR_UPSTREAM_AUTHORITY_UNREACHABLE', /reached/],
  [status.DEADLINE_EXCEEDED, 'ERR_UPSTREAM_AUTHORITY_UNREACHABLE', /reached/],
  [status.INTERNAL, 'ERR_UPSTREAM_AUTHORITY_UNREACHABLE', /reached/],
])('status %i is %s, with what SPIRE said for the log only', (code, expected, message) => {
  const error = toUpstreamError(ended(code))
  expect(error.code).toBe(expected)
  expect(error.message).toMatch(message)
  expect(error.message).not.toContain('said')
  expect(error.detail?.length).toBeLessThan(600)
  expect(error.detail).toContain('said')
  expect(isUnimplemented(ended(code))).toBe(code === status.UNIMPLEMENTED)
})

it('leaves what is typed already, and names what is not', () => {
  const typed = new UpstreamAuthorityError('ERR_UPSTREAM_AUTHORITY_IDENTITY', 'no identity')
  expect(toUpstreamError(typed)).toBe(typed)
  expect(toUpstreamError(new TypeError('odd')).code).toBe('ERR_UPSTREAM_AUTHORITY_UNREACHABLE')
})
