import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { parseTokenServiceUrls } from './token-service-urls.ts'

describe('parseTokenServiceUrls', () => {
  it.each([
    ['https://as.example.org', '/.well-known/oauth-authorization-server', '/oauth2/token'],
    ['https://id.example.org/oauth2', '/.well-known/oauth-authorization-server/oauth2', '/oauth2/token'],
    ['https://id.example.org/a/b', '/.well-known/oauth-authorization-server/a/b', '/a/b/oauth2/token'],
  ])('finds everything of %s', (issuer, metadataPath, tokenPath) => {
    const urls = parseTokenServiceUrls(issuer, undefined)
    expect(urls.issuer).toBe(issuer)
    expect(urls.metadataPaths[0]).toBe(metadataPath)
    expect(urls.paths.token).toBe(tokenPath)
    expect(urls.tokenEndpoint).toBe(new URL(tokenPath, issuer).href)
  })

  it.each(['https://id.example.org', 'https://id.example.org/'])(
    'refuses the issuer of JWT-SVIDs, %s',
    async (jwtIssuer) => {
      await expectCode(() => parseTokenServiceUrls('https://id.example.org', jwtIssuer), 'ERR_CONFIG_INVALID')
      expect(parseTokenServiceUrls('https://id.example.org/oauth2', jwtIssuer).issuer).toContain('/oauth2')
    },
  )

  it.each(['http://id.example.org', 'https://id.example.org?a', 'id', 'https://ID.example.org'])(
    'refuses %s',
    async (issuer) => {
      await expectCode(() => parseTokenServiceUrls(issuer, undefined), 'ERR_CONFIG_INVALID')
    },
  )
})
