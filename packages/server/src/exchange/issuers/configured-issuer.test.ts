import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PublicJwk } from '@countersign/protocol'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { FakeClock } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { createDocumentFetcher } from '../../federation/fetch-document.ts'
import { resolveHost } from '../../federation/resolve-address.ts'
import { RecordingLogger } from '../../test-support/recording-logger.ts'
import { temporaryFolder } from '../../test-support/temporary-folder.ts'
import type { Answer } from '../../test-support/tls-server.ts'
import { startWebServer } from '../../test-support/web-server.ts'
import type { IssuerConfig } from '../token-service-schema.ts'
import { ConfiguredIssuer } from './configured-issuer.ts'
import { openKeySource } from './key-source.ts'

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
  const source = openKeySource(full, createDocumentFetcher(resolveHost, 0))
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

  it('keeps the very same keys as long as they are the same', async () => {
    const { web, common } = await startKeyServer((_request, response) => response.end(setOf(FIRST)))
    const { issuer, clock } = await issuerOf({ jwksUri: `${web.url}/keys`, ...common })
    const { keys } = issuer
    clock.jump(300)
    await issuer.refreshKeys()
    expect(issuer.keys).toBe(keys)
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
