import { writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { PublicJwk } from '@countersign/protocol'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { FakeClock } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import { createDocumentFetcher } from '../../federation/fetch-document.ts'
import { resolveHost } from '../../federation/resolve-address.ts'
import { RecordingLogger } from '../../test-support/recording-logger.ts'
import { temporaryFolder } from '../../test-support/temporary-folder.ts'
import type { Answer } from '../../test-support/tls-server.ts'
import { startWebServer } from '../../test-support/web-server.ts'
import type { IssuerConfig } from '../token-service-schema.ts'
import { ConfiguredIssuer } from './configured-issuer.ts'
import { openIssuerKeySource } from './issuer-key-source.ts'

const FIRST = generateSigningKey('ES256', { kid: 'first' }).publicJwk
const SECOND = generateSigningKey('ES256', { kid: 'second' }).publicJwk
const LOCAL = { allowedAddresses: ['127.0.0.0/8', '::1'] }

const setOf = (...keys: PublicJwk[]) => JSON.stringify({ keys: keys.map((key) => ({ ...key, use: 'sig' })) })

async function issuerOf(config: Partial<IssuerConfig>, clock = new FakeClock()) {
  const log = new RecordingLogger()
  const full = {
    name: 'cluster',
    issuer: 'https://cluster.example',
    profiles: ['service-account'],
    refreshInterval: 300,
    subjectPrefix: '',
    requiredClaims: {},
    claims: {},
    reuse: false,
    tokenEndpointAudience: false,
    ...config,
  } satisfies IssuerConfig
  const source = openIssuerKeySource(full, createDocumentFetcher(resolveHost, 0))
  const issuer = new ConfiguredIssuer(full, { source, crypto: nodeCrypto, clock, log })
  await issuer.refreshKeys()
  return { issuer, clock, log, kids: () => issuer.keys.jwks.map(({ kid }) => kid) }
}

/** A web server that answers what the test says at the moment, and whose root is in a file. */
async function startKeyServer(answer: Answer) {
  const web = await startWebServer(answer)
  const webRootsFile = join(await temporaryFolder(), 'root.pem')
  await writeFile(webRootsFile, web.webRoots)
  return { web, common: { ...LOCAL, webRootsFile } }
}

describe('ConfiguredIssuer', () => {
  it('fetches keys, again after the interval, and for an unknown key no sooner', async () => {
    let keys = setOf(FIRST)
    const { web, common } = await startKeyServer((_request, response) => response.end(keys))
    const { issuer, clock, kids } = await issuerOf({ jwksUri: `${web.url}/keys`, ...common })
    expect(kids()).toEqual(['first'])
    keys = setOf(SECOND)
    for (let count = 0; count < 50; count++) await issuer.refreshKeys()
    expect(web.requests).toHaveLength(1)
    clock.jump(300)
    await Promise.all([issuer.refreshKeys(), issuer.refreshKeys()])
    expect(web.requests).toHaveLength(2)
    // What was taken away counts no more.
    expect(kids()).toEqual(['second'])
    keys = setOf(FIRST)
    clock.jump(301)
    expect(kids()).toEqual(['second'])
    await issuer.refreshKeys()
    expect(kids()).toEqual(['first'])
    expect(web.requests).toHaveLength(3)
  })

  it('believes no key that nobody asked for in two intervals before it has asked', async () => {
    let keys = setOf(FIRST)
    const { web, common } = await startKeyServer((_request, response) => response.end(keys))
    const { issuer, clock, kids } = await issuerOf({ jwksUri: `${web.url}/keys`, ...common })
    keys = setOf(SECOND)
    clock.jump(601)
    expect(kids()).toEqual([])
    expect(issuer.knowsKey('first')).toBe(true)
    await issuer.refreshKeys()
    expect(kids()).toEqual(['second'])
    expect(issuer.knowsKey('first')).toBe(false)
    expect(web.requests).toHaveLength(2)
  })

  it('gives keys no longer life by a clock that is set back', async () => {
    const { web, common } = await startKeyServer((_request, response) => response.end(setOf(FIRST)))
    const { issuer, clock, kids } = await issuerOf({ jwksUri: `${web.url}/keys`, ...common })
    clock.jump(-3600)
    expect(kids()).toEqual([])
    await issuer.refreshKeys()
    expect(kids()).toEqual(['first'])
    expect(web.requests).toHaveLength(2)
  })

  it('gives up after ten seconds', async () => {
    const { web, common } = await startKeyServer(() => {})
    const clock = new FakeClock()
    const opened = issuerOf({ jwksUri: `${web.url}/keys`, ...common }, clock)
    await vi.waitFor(() => expect(web.requests).toHaveLength(1))
    await clock.advance(10)
    const { kids, log } = await opened
    expect(kids()).toEqual([])
    expect(log.text).toContain('ERR_FEDERATION_TIMEOUT')
  })

  it('keeps the very same keys as long as they are the same', async () => {
    const { web, common } = await startKeyServer((_request, response) => response.end(setOf(FIRST)))
    const { issuer, clock } = await issuerOf({ jwksUri: `${web.url}/keys`, ...common })
    const { keys } = issuer
    clock.jump(300)
    await issuer.refreshKeys()
    expect(issuer.keys).toBe(keys)
  })

  const nothing = (response: ServerResponse) => response.writeHead(404).end('<html>')

  it.each<[string, string, string, (response: ServerResponse) => void]>([
    ['behind an answer that there is nothing', '/base', '/.well-known/oauth-authorization-server/base', nothing],
    ['of an issuer with a slash', '/base/', '/.well-known/oauth-authorization-server/base', nothing],
    ['of an issuer without a path', '', '/.well-known/oauth-authorization-server', nothing],
    [
      'behind a page for people',
      '/base',
      '/.well-known/oauth-authorization-server/base',
      (response) => response.end('<html>'),
    ],
    [
      'behind a way to one',
      '/base',
      '/.well-known/oauth-authorization-server/base',
      (response) => response.writeHead(302, { location: '/' }).end(),
    ],
  ])('finds metadata of RFC 8414 %s', async (_, path, place, atFirst) => {
    const { web, common } = await startKeyServer((request, response) => {
      if (request.url === '/k') response.end(setOf(FIRST))
      else if (request.url === place) {
        response.end(JSON.stringify({ issuer: `${web.url}${path}`, jwks_uri: `${web.url}/k` }))
      } else atFirst(response)
    })
    const { kids } = await issuerOf({ issuer: `${web.url}${path}`, discovery: true, ...common })
    expect(kids()).toEqual(['first'])
    const openid = `${path.replace(/\/$/, '')}/.well-known/openid-configuration`
    expect(web.requests).toEqual([openid, place, '/k'].map((target) => `GET ${target}`))
  })

  it.each<[string, object, number, string]>([
    ['of another issuer', { issuer: 'https://other.example' }, 1, 'metadata are of another issuer'],
    ['of an issuer with a slash more', { issuer: 'slash' }, 1, 'metadata are of another issuer'],
    ['without keys', { jwks_uri: undefined }, 1, 'no \\"jwks_uri\\"'],
  ])('does not look further than metadata %s', async (_, change, requests, reason) => {
    const { web, common } = await startKeyServer((_request, response) => {
      const said = { issuer: web.url, jwks_uri: `${web.url}/k`, ...change }
      response.end(JSON.stringify(said.issuer === 'slash' ? { ...said, issuer: `${web.url}/` } : said))
    })
    const { kids, log } = await issuerOf({ issuer: web.url, discovery: true, ...common })
    expect(kids()).toEqual([])
    expect(log.text).toContain(reason)
    expect(web.requests).toHaveLength(requests)
  })

  it('says that there are no metadata where there are none, and holds those of RFC 8414 to the issuer too', async () => {
    let isThere = false
    const { web, common } = await startKeyServer((request, response) => {
      const isOAuth = request.url?.includes('oauth-authorization-server') === true
      if (isThere && isOAuth)
        response.end(JSON.stringify({ issuer: 'https://other.example', jwks_uri: `${web.url}/k` }))
      else nothing(response)
    })
    const config = { issuer: web.url, discovery: true, ...common } as const
    const without = await issuerOf(config)
    expect(without.kids()).toEqual([])
    expect(without.log.text).toContain('there are no metadata of it')
    expect(web.requests).toHaveLength(2)
    isThere = true
    expect((await issuerOf(config)).log.text).toContain('metadata are of another issuer')
  })

  it('asks for metadata at no address of this network, by either name', async () => {
    const { web, common } = await startKeyServer((_request, response) => nothing(response))
    const { log } = await issuerOf({ issuer: web.url, discovery: true, ...common, allowedAddresses: [] })
    expect(log.text).toContain('ERR_FEDERATION_ADDRESS')
    expect(web.connections).toHaveLength(0)
  })

  it('takes keys from no address of this network that metadata name', async () => {
    const { web, common } = await startKeyServer((_request, response) =>
      response.end(JSON.stringify({ issuer: web.url, jwks_uri: 'https://10.0.0.1/k' })),
    )
    const { kids, log } = await issuerOf({ issuer: web.url, discovery: true, ...common })
    expect(kids()).toEqual([])
    expect(log.text).toContain('ERR_FEDERATION_ADDRESS')
  })

  it('finds keys by the metadata of the issuer, and by those of no other', async () => {
    let said = ''
    const { web, common } = await startKeyServer((request, response) => {
      const isMetadata = request.url === '/base/.well-known/openid-configuration'
      response.end(isMetadata ? JSON.stringify({ issuer: said, jwks_uri: `${web.url}/k` }) : setOf(FIRST))
    })
    const config = { issuer: `${web.url}/base`, discovery: true, ...common } as const
    said = `${web.url}/base`
    expect((await issuerOf(config)).kids()).toEqual(['first'])
    said = 'https://other.example'
    const { kids, log } = await issuerOf(config)
    expect(kids()).toEqual([])
    expect(log.text).toContain('metadata are of another issuer')
  })

  it('asks for keys in a way that an API server of Kubernetes answers', async () => {
    const { web, common } = await startKeyServer((request, response) => {
      const accepts = request.headers.accept?.split(', ') ?? ['*/*']
      const type = request.url === '/keys' ? 'application/jwk-set+json' : 'application/json'
      if (!accepts.includes(type)) response.writeHead(406).end()
      else
        response.end(
          request.url === '/keys' ? setOf(FIRST) : JSON.stringify({ issuer: web.url, jwks_uri: `${web.url}/keys` }),
        )
    })
    expect((await issuerOf({ issuer: web.url, discovery: true, ...common })).kids()).toEqual(['first'])
  })

  it.each<[string, Answer, string]>([
    [
      'redirects',
      (_, response) => response.writeHead(302, { location: '/elsewhere' }).end(),
      'ERR_FEDERATION_REDIRECT',
    ],
    ['sends 10 MB', (_, response) => response.end('x'.repeat(10_000_000)), 'ERR_FEDERATION_TOO_LARGE'],
    ['sends no JSON', (_, response) => response.end('<html>'), 'ERR_FEDERATION_BUNDLE'],
    ['sends no keys', (_, response) => response.end('{}'), 'ERR_EXCHANGE_KEYS'],
    ['sends two lists', (_, response) => response.end('{"keys":[],"keys":[]}'), 'ERR_FEDERATION_BUNDLE'],
    ['has an error', (_, response) => response.writeHead(500).end(), 'ERR_FEDERATION_STATUS'],
    [
      'sends too many keys',
      (_, response) => response.end(JSON.stringify({ keys: Array.from({ length: 101 }, () => FIRST) })),
      'ERR_EXCHANGE_KEYS',
    ],
  ])('believes nothing of a server that %s', async (_, answer, code) => {
    const { web, common } = await startKeyServer(answer)
    const { kids, log } = await issuerOf({ jwksUri: `${web.url}/keys`, ...common })
    expect(kids()).toEqual([])
    expect(log.lines).toEqual([expect.objectContaining({ level: 'error', fields: expect.objectContaining({ code }) })])
  })

  it('asks no address of this network that is not allowed', async () => {
    const { web, common } = await startKeyServer((_request, response) => response.end(setOf(FIRST)))
    const { kids, log } = await issuerOf({ jwksUri: `${web.url}/keys`, ...common, allowedAddresses: [] })
    expect(kids()).toEqual([])
    expect(log.text).toContain('ERR_FEDERATION_ADDRESS')
    expect(web.connections).toHaveLength(0)
  })

  it('goes on with the keys it has while the issuer is away, for a day', async () => {
    let isAway = false
    const { web, common } = await startKeyServer((_request, response) =>
      response.writeHead(isAway ? 503 : 200).end(setOf(FIRST)),
    )
    const { issuer, clock, kids } = await issuerOf({ jwksUri: `${web.url}/keys`, ...common })
    isAway = true
    clock.jump(3600)
    await issuer.refreshKeys()
    expect(kids()).toEqual(['first'])
    clock.jump(86_400)
    await issuer.refreshKeys()
    expect(kids()).toEqual([])
    isAway = false
    clock.jump(300)
    await issuer.refreshKeys()
    expect(kids()).toEqual(['first'])
  })

  it('reads a file again', async () => {
    const jwksFile = join(await temporaryFolder(), 'jwks.json')
    await writeFile(jwksFile, setOf(FIRST))
    const { issuer, clock, kids } = await issuerOf({ jwksFile })
    expect(kids()).toEqual(['first'])
    await writeFile(jwksFile, setOf(SECOND))
    clock.jump(300)
    await issuer.refreshKeys()
    expect(kids()).toEqual(['second'])
  })

  it.each([
    ['is not there', undefined],
    ['is no JSON', 'x'],
    ['is too large', ' '.repeat(300_000)],
  ])('takes nothing from a file that %s', async (_, text) => {
    const jwksFile = join(await temporaryFolder(), 'jwks.json')
    if (text !== undefined) await writeFile(jwksFile, text)
    const { kids, log } = await issuerOf({ jwksFile })
    expect(kids()).toEqual([])
    expect(log.text).toContain('ERR_EXCHANGE_KEYS')
  })

  it('never asks again for keys that were written out', async () => {
    const { issuer, clock, kids } = await issuerOf({ jwks: JSON.parse(setOf(FIRST)) })
    clock.jump(1_000_000)
    await issuer.refreshKeys()
    expect(kids()).toEqual(['first'])
  })
})
