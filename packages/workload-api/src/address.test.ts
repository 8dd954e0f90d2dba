import { describe, expect, it } from 'vitest'
import { formatEndpointAddress, formatGrpcTarget, parseEndpointAddress } from './address.ts'

const code = (text: string | undefined) => {
  try {
    parseEndpointAddress(text)
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'accepted'
}

describe('parseEndpointAddress', () => {
  it('reads a unix path', () => {
    expect(parseEndpointAddress('unix:///run/agent.sock')).toEqual({ kind: 'unix', path: '/run/agent.sock' })
    expect(parseEndpointAddress('UNIX:///run/a%20b.sock')).toEqual({ kind: 'unix', path: '/run/a b.sock' })
  })

  it('reads an IP address and port', () => {
    expect(parseEndpointAddress('tcp://127.0.0.1:8000')).toEqual({ kind: 'tcp', host: '127.0.0.1', port: 8000 })
    expect(parseEndpointAddress('tcp://[::1]:1')).toEqual({ kind: 'tcp', host: '::1', port: 1 })
  })

  it.each([
    [undefined, 'ERR_ENDPOINT_MISSING'],
    ['', 'ERR_ENDPOINT_MISSING'],
    ['/run/agent.sock', 'ERR_ENDPOINT_SCHEME'],
    ['unix:/run/agent.sock', 'ERR_ENDPOINT_SCHEME'],
    ['http://127.0.0.1:80', 'ERR_ENDPOINT_SCHEME'],
    ['npipe:name', 'ERR_ENDPOINT_SCHEME'],
    ['unix:///a?b', 'ERR_ENDPOINT_COMPONENT'],
    ['unix:///a#b', 'ERR_ENDPOINT_COMPONENT'],
    ['tcp://127.0.0.1:80?a', 'ERR_ENDPOINT_COMPONENT'],
    ['tcp://127.0.0.1:8000/foo', 'ERR_ENDPOINT_COMPONENT'],
    ['tcp://127.0.0.1:8000/', 'ERR_ENDPOINT_COMPONENT'],
    ['tcp://user@127.0.0.1:8000', 'ERR_ENDPOINT_COMPONENT'],
    ['unix://host/path', 'ERR_ENDPOINT_HOST'],
    ['unix://relative', 'ERR_ENDPOINT_HOST'],
    ['unix://', 'ERR_ENDPOINT_HOST'],
    ['unix:///', 'ERR_ENDPOINT_PATH'],
    ['unix:///run/', 'ERR_ENDPOINT_PATH'],
    ['unix:///a%00b', 'ERR_ENDPOINT_PATH'],
    ['unix:///a%zz', 'ERR_ENDPOINT_PATH'],
    [`unix:///${'a'.repeat(107)}`, 'ERR_ENDPOINT_PATH'],
    ['tcp://localhost:80', 'ERR_ENDPOINT_HOST'],
    ['tcp://::1:80', 'ERR_ENDPOINT_HOST'],
    ['tcp://[::1%25lo]:80', 'ERR_ENDPOINT_HOST'],
    ['tcp://[127.0.0.1]:80', 'ERR_ENDPOINT_HOST'],
    ['tcp://:80', 'ERR_ENDPOINT_HOST'],
    ['tcp://127.0.0.1', 'ERR_ENDPOINT_PORT'],
    ['tcp://127.0.0.1:', 'ERR_ENDPOINT_PORT'],
    ['tcp://127.0.0.1:0', 'ERR_ENDPOINT_PORT'],
    ['tcp://127.0.0.1:65536', 'ERR_ENDPOINT_PORT'],
    ['tcp://127.0.0.1:80a', 'ERR_ENDPOINT_PORT'],
  ])('refuses %j with %s', (text, expected) => {
    expect(code(text)).toBe(expected)
  })

  it('accepts the longest socket path Linux has', () => {
    expect(code(`unix:///${'a'.repeat(106)}`)).toBe('accepted')
  })
})

describe('formatting', () => {
  it.each(['unix:///run/a%20b.sock', 'unix:///run/a%3Fb%23c.sock', 'tcp://127.0.0.1:8000', 'tcp://[::1]:8000'])(
    'returns %s to what it was',
    (text) => {
      expect(formatEndpointAddress(parseEndpointAddress(text))).toBe(text)
    },
  )

  it('names the gRPC target', () => {
    expect(formatGrpcTarget({ kind: 'unix', path: '/a' })).toBe('unix:/a')
    expect(formatGrpcTarget({ kind: 'tcp', host: '::1', port: 8 })).toBe('ipv6:[::1]:8')
    expect(formatGrpcTarget({ kind: 'tcp', host: '10.0.0.1', port: 8 })).toBe('ipv4:10.0.0.1:8')
  })
})
