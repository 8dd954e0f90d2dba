import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { parseIssuerUrl } from './issuer-url.ts'

describe('parseIssuerUrl', () => {
  it.each([
    ['https://id.example.org', '/.well-known/openid-configuration', 'https://id.example.org/keys'],
    ['https://id.example.org/', '/.well-known/openid-configuration', 'https://id.example.org/keys'],
    ['https://id.example.org:8443/a', '/a/.well-known/openid-configuration', 'https://id.example.org:8443/a/keys'],
    ['https://h/base/path', '/base/path/.well-known/openid-configuration', 'https://h/base/path/keys'],
    ['https://h/base/path/', '/base/path/.well-known/openid-configuration', 'https://h/base/path/keys'],
    ['http://localhost:8080', '/.well-known/openid-configuration', 'http://localhost:8080/keys'],
    ['http://127.0.0.1:8080/x', '/x/.well-known/openid-configuration', 'http://127.0.0.1:8080/x/keys'],
    ['http://[::1]', '/.well-known/openid-configuration', 'http://[::1]/keys'],
  ])('%s: keeps the text, and says where its metadata and keys are', (issuer, discoveryPath, jwksUri) => {
    expect(parseIssuerUrl(issuer)).toMatchObject({ issuer, discoveryPath, jwksUri })
    expect(new URL(jwksUri).pathname).toBe(parseIssuerUrl(issuer).keysPath)
  })

  it.each([
    ['no URL', 'id.example.org'],
    ['http elsewhere than on this machine', 'http://id.example.org'],
    ['http to a name that only looks local', 'http://localhost.example.org'],
    ['another scheme', 'ftp://id.example.org'],
    ['a query', 'https://id.example.org/a?tenant=1'],
    ['an empty query', 'https://id.example.org/a?'],
    ['a fragment', 'https://id.example.org/a#b'],
    ['an empty fragment', 'https://id.example.org#'],
    ['a user name', 'https://user@id.example.org'],
    ['a host in upper case', 'https://ID.example.org'],
    ['the default port', 'https://id.example.org:443'],
    ['a path that leads upwards', 'https://id.example.org/a/../b'],
    ['percent-encoding', 'https://id.example.org/a%2fb'],
    ['an empty part', 'https://id.example.org/a//b'],
    ['two final slashes', 'https://id.example.org/a//'],
    ['a pattern of the router', 'https://id.example.org/:a'],
    ['a wildcard of the router', 'https://id.example.org/*'],
    ['white space', ' https://id.example.org'],
    ['too many characters', `https://id.example.org/${'a'.repeat(2048)}`],
  ])('refuses %s', async (_, text) => {
    await expectCode(() => parseIssuerUrl(text), 'ERR_ISSUER_URL')
  })
})
