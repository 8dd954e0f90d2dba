import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { AudiencePolicy, normalizeAudience, pathOfTarget } from './audience.ts'

describe('normalizeAudience', () => {
  it.each([
    ['https://api.example.org/orders', 'https://api.example.org/orders'],
    ['HTTPS://API.Example.ORG/Orders', 'https://api.example.org/Orders'],
    ['https://api.example.org:443/a', 'https://api.example.org/a'],
    ['http://api.example.org:80/a', 'http://api.example.org/a'],
    ['https://api.example.org:80/a', 'https://api.example.org:80/a'],
    ['http://api.example.org:443/a', 'http://api.example.org:443/a'],
    ['https://api.example.org:8443/a', 'https://api.example.org:8443/a'],
    ['https://api.example.org', 'https://api.example.org/'],
    ['https://api.example.org?x=1', 'https://api.example.org/'],
    ['https://api.example.org/a?x=1', 'https://api.example.org/a'],
    ['https://api.example.org/a#x', 'https://api.example.org/a'],
    ['https://api.example.org/a?x#y', 'https://api.example.org/a'],
    ['https://api.example.org/a/', 'https://api.example.org/a/'],
    ['https://api.example.org/%61', 'https://api.example.org/%61'],
    ['https://[::1]:443/a', 'https://[::1]/a'],
    // Anything that is no plain HTTP URI stays what it is.
    ['orders-service', 'orders-service'],
    ['spiffe://example.org/orders', 'spiffe://example.org/orders'],
    ['https://user@api.example.org/a', 'https://user@api.example.org/a'],
    ['https://api.example.org/a evil', 'https://api.example.org/a evil'],
    ['https://api.example.org evil', 'https://api.example.org evil'],
    ['https://api.example.org/a\nb', 'https://api.example.org/a\nb'],
    [' https://api.example.org/a', ' https://api.example.org/a'],
    ['https:///a', 'https:///a'],
    ['', ''],
  ])('%j becomes %j', (text, normalized) => {
    expect(normalizeAudience(text)).toBe(normalized)
  })

  it('changes nothing the second time', () => {
    for (const text of ['HTTPS://A:443?x', 'http://A:80', 'https://a/B?c#d', 'x']) {
      expect(normalizeAudience(normalizeAudience(text))).toBe(normalizeAudience(text))
    }
  })
})

describe('pathOfTarget', () => {
  it.each([
    ['/a/b', '/a/b'],
    ['/a?b', '/a'],
    ['/a#b', '/a'],
    ['/', '/'],
    ['//host/a', '//host/a'],
    ['https://host/a?b', '/a'],
    ['HTTP://host/a', '/a'],
    ['https://host', ''],
    ['https://host?b', ''],
    ['https://host#b', ''],
  ])('%s has the path %j', (target, path) => {
    expect(pathOfTarget(target)).toBe(path)
  })

  it.each(['*', 'host:443', '', 'a/b', 'ftp://host/a', '?a'])('refuses %j', async (target) => {
    await expectCode(() => pathOfTarget(target), 'ERR_REQUEST_TARGET')
  })
})

describe('AudiencePolicy', () => {
  it('adds the path of the request to its base URLs', () => {
    const policy = new AudiencePolicy({ baseUrls: ['https://API.example.org', 'https://gateway.example.org/orders/'] })
    expect(policy.accepts('https://api.example.org/a', '/a?x=1')).toBe(true)
    expect(policy.accepts('https://api.example.org:443/a?x=1', '/a')).toBe(true)
    expect(policy.accepts('https://gateway.example.org/orders/a', '/a')).toBe(true)
    expect(policy.accepts('https://api.example.org', '/')).toBe(true)
    expect(policy.accepts('https://api.example.org/', 'https://elsewhere.example')).toBe(true)
  })

  it.each([
    ['another path', 'https://api.example.org/b'],
    ['a longer path', 'https://api.example.org/a/b'],
    ['a shorter path', 'https://api.example.org/'],
    ['a path in another case', 'https://api.example.org/A'],
    ['a trailing slash', 'https://api.example.org/a/'],
    ['another scheme', 'http://api.example.org/a'],
    ['another host', 'https://evil.example.org/a'],
    ['a host with ours in front', 'https://api.example.org.evil/a'],
    ['another port', 'https://api.example.org:8443/a'],
    ['user information', 'https://x@api.example.org/a'],
    ['more behind a space', 'https://api.example.org/a https://evil.example'],
    ['no URL', '/a'],
  ])('refuses %s', (_, audience) => {
    expect(new AudiencePolicy({ baseUrls: ['https://api.example.org'] }).accepts(audience, '/a')).toBe(false)
  })

  it('takes scheme and host from configuration, never from the target', () => {
    const policy = new AudiencePolicy({ baseUrls: ['https://api.example.org'] })
    expect(policy.accepts('https://evil.example/a', 'https://evil.example/a')).toBe(false)
    expect(policy.accepts('https://api.example.org/a', 'https://evil.example/a')).toBe(true)
  })

  it('accepts further whole values, whatever the target', () => {
    const policy = new AudiencePolicy({ accepted: ['orders', 'HTTPS://Api.example.org:443/fixed'] })
    expect(policy.accepts('orders', '/a')).toBe(true)
    expect(policy.accepts('https://api.example.org/fixed', '*')).toBe(true)
    expect(policy.accepts('Orders', '/a')).toBe(false)
    expect(policy.accepts('https://api.example.org/a', '/a')).toBe(false)
  })

  it('must be told something, and only HTTP URLs without query as base', () => {
    expect(() => new AudiencePolicy({})).toThrow(TypeError)
    expect(() => new AudiencePolicy({ baseUrls: [], accepted: [] })).toThrow(TypeError)
    const bad = ['orders', 'https://a.example?x', 'https://a.example/?', 'https://a.example/#', 'https://u@a.example']
    for (const url of [...bad, 'https://a.example/b c', 'ftp://a.example', 'spiffe://a.example']) {
      expect(() => new AudiencePolicy({ baseUrls: [url] })).toThrow(TypeError)
    }
  })
})

describe('hosts and ports', () => {
  it.each([
    ['https://h:/x', 'https://h/x'],
    ['https://h:443', 'https://h/'],
    ['https://[2001:DB8::1]:8443/x', 'https://[2001:db8::1]:8443/x'],
    ['https://h:0443/x', 'https://h:0443/x'],
  ])('%s is %s', (text, normal) => {
    expect(normalizeAudience(text)).toBe(normal)
  })

  it.each(['https://\u212aafka.example/', 'https://h:8443:443/x', 'https://h:80a/', 'https://[::1/x'])(
    '%s is no URI with another spelling',
    (text) => {
      expect(normalizeAudience(text)).toBe(text)
    },
  )
})
