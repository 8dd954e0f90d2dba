import { describe, expect, it } from 'vitest'
import { tcpAddress } from './remote-address.ts'

describe('tcpAddress', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1', true],
    ['127.8.9.1', '127.0.0.1', true],
    ['::1', '::1', true],
    ['::ffff:127.0.0.1', '::ffff:127.0.0.1', true],
    ['192.0.2.7', '192.0.2.7', true],
    ['::ffff:192.0.2.7', '192.0.2.7', true],
    ['192.0.2.8', '192.0.2.7', false],
    ['192.0.2.8', undefined, false],
    ['2001:db8::1', '2001:db8::2', false],
    ['1.127.0.0', '192.0.2.7', false],
  ])('from %s to %s is the same host: %s', (remote, local, expected) => {
    expect(tcpAddress(remote, local).isSameHost).toBe(expected)
  })
})
