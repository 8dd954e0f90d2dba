/** An issuer's server that is not what it should be, and clients that would have it asked without end. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateSigningKey, type NodeSigningKey } from '@countersign/protocol/keys-node'
import { describe, expect, it, vi } from 'vitest'
import { expectRefusal } from '../../test-support/attack-world.ts'
import { temporaryFolder } from '../../test-support/temporary-folder.ts'
import type { Answer } from '../../test-support/tls-server.ts'
import { startTokenService, type TokenServiceWorld } from '../../test-support/token-service-world.ts'
import { startWebServer } from '../../test-support/web-server.ts'

vi.setConfig({ testTimeout: 60_000 })

const LOOPBACK = ['127.0.0.0/8', '::1']
const FIRST = generateSigningKey('RS256', { kid: 'cluster-1' })
const SECOND = generateSigningKey('RS256', { kid: 'cluster-2' })
const INTERVAL = 60

const setOf = (...keys: NodeSigningKey[]) => JSON.stringify({ keys: keys.map((key) => key.publicJwk) })

/** A token service that fetches the cluster's keys from a web server, which answers as the test says. */
async function start(answer: Answer, change: (url: string) => object = () => ({})) {
  const web = await startWebServer(answer)
  const webRootsFile = join(await temporaryFolder(), 'roots.pem')
  await writeFile(webRootsFile, web.webRoots)
  const test = await startTokenService({
    clusterKey: FIRST,
    cluster: {
      jwks: undefined,
      jwksUri: `${web.url}/keys`,
      webRootsFile,
      allowedAddresses: LOOPBACK,
      refreshInterval: INTERVAL,
      ...change(web.url),
    },
  })
  return { ...test, web }
}

let count = 0
/** Each is asked for once. */
const askBy = (test: TokenServiceWorld, key: NodeSigningKey, kid = key.publicJwk.kid) =>
  test.ask(encodeBy(test, key, kid))
function encodeBy(test: TokenServiceWorld, key: NodeSigningKey, kid: string | undefined): string {
  return key === test.clusterKey
    ? test.serviceAccountToken({ jti: `j-${count++}` }, { kid })
    : resign(test.serviceAccountToken({ jti: `j-${count++}` }, { kid }), key)
}
function resign(token: string, key: NodeSigningKey): string {
  const input = token.slice(0, token.lastIndexOf('.'))
  return `${input}.${Buffer.from(key.sign(Buffer.from(input))).toString('base64url')}`
}

describe("keys from an issuer's server", () => {
  it.each<[string, Answer]>([
    [
      'redirects to where they are',
      ({ url }, response) =>
        url === '/keys'
          ? response.writeHead(302, { location: '/elsewhere' }).end()
          : response.writeHead(200).end(setOf(FIRST)),
    ],
    ['redirects for good', (_, response) => response.writeHead(308, { location: 'https://evil.example/' }).end()],
    ['sends 10 MB', (_, response) => response.end(`{"keys":[],"x":"${'x'.repeat(10_000_000)}"}`)],
    ['sends no JSON', (_, response) => response.end('<html>')],
    ['sends its keys as an error', (_, response) => response.writeHead(500).end(setOf(FIRST))],
    ['sends two lists', (_, response) => response.end(`{"keys":[],${setOf(FIRST).slice(1)}`)],
    ['sends thousands', (_, response) => response.end(setOf(...Array.from({ length: 101 }, () => FIRST)))],
    [
      'sends a secret in place of a key',
      (_, response) => response.end(JSON.stringify({ keys: [{ kty: 'oct', kid: 'cluster-1', k: 'c2VjcmV0' }] })),
    ],
    [
      'sends one for encryption',
      (_, response) => response.end(JSON.stringify({ keys: [{ ...FIRST.publicJwk, use: 'enc' }] })),
    ],
    [
      'sends two of one name',
      (_, response) => response.end(setOf(FIRST, generateSigningKey('RS256', { kid: 'cluster-1' }))),
    ],
  ])('are not believed when it %s', async (_, answer) => {
    const test = await start(answer)
    expectRefusal(await askBy(test, FIRST), '401 invalid_client')
  })

  it('are asked for at no address inside that is not allowed, by its own URL or by its metadata', async () => {
    const keys: Answer = (_, response) => response.end(setOf(FIRST))
    const direct = await start(keys, () => ({ allowedAddresses: [] }))
    expectRefusal(await askBy(direct, FIRST), '401 invalid_client')
    expect(direct.web.connections).toHaveLength(0)
    // Metadata of the right issuer, at an allowed address, lead further in.
    const inner = await startWebServer(keys, '127.0.0.2')
    const inward = [
      `${inner.url}/keys`,
      'https://169.254.169.254/latest/',
      'https://[::ffff:127.0.0.2]/',
      'https://0.0.0.0/',
    ]
    for (const jwks_uri of [...inward, 'http://localhost/keys', 'file:///etc/passwd', 'https://u:p@localhost/', 'x']) {
      let issuer = ''
      const test = await start(
        (_, response) => response.end(JSON.stringify({ issuer, jwks_uri })),
        (url) => {
          issuer = url
          return { jwksUri: undefined, discovery: true, issuer: url, allowedAddresses: ['127.0.0.1', '::1'] }
        },
      )
      expectRefusal(await test.ask(test.serviceAccountToken({ iss: issuer })), '401 invalid_client')
      expect(test.web.requests).toEqual(['GET /.well-known/openid-configuration'])
      const code = inward.includes(jwks_uri) ? 'ERR_FEDERATION_ADDRESS' : 'ERR_EXCHANGE_KEYS'
      expect(
        test.log.lines.map(({ fields }) => fields['code']),
        jwks_uri,
      ).toContain(code)
    }
    expect(inner.connections).toHaveLength(0)
  })

  it('change in mid-flight: the new one counts after one interval, the old one no longer', async () => {
    let keys = setOf(FIRST)
    const test = await start((_, response) => response.end(keys))
    expect((await askBy(test, FIRST)).status).toBe(200)
    keys = setOf(FIRST, SECOND)
    expectRefusal(await askBy(test, SECOND), '401 invalid_client')
    test.clock.jump(INTERVAL)
    // Both at once, and others who wait for the same fetch.
    const all = await Promise.all([askBy(test, SECOND), askBy(test, FIRST), askBy(test, SECOND), askBy(test, SECOND)])
    expect(all.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(test.web.requests).toHaveLength(2)
    keys = setOf(SECOND)
    test.clock.jump(INTERVAL + 1)
    // The first one who comes after the interval has them fetched; whoever comes next is judged by them.
    await askBy(test, SECOND)
    await vi.waitFor(async () => expectRefusal(await askBy(test, FIRST), '401 invalid_client'))
    expect((await askBy(test, SECOND)).status).toBe(200)
  })

  it('are fetched once in an interval, however many unknown keys clients name, and while it is away too', async () => {
    let isAway = false
    const test = await start((_, response) => response.writeHead(isAway ? 503 : 200).end(setOf(FIRST)))
    const flood = async (name: string) => {
      const replies = await Promise.all(
        Array.from({ length: 40 }, (_, index) => askBy(test, SECOND, `${name}-${index}`)),
      )
      for (const reply of replies) expectRefusal(reply, '401 invalid_client')
    }
    await flood('a')
    expect(test.web.requests).toHaveLength(1)
    test.clock.jump(INTERVAL)
    await flood('b')
    await flood('c')
    expect(test.web.requests).toHaveLength(2)
    isAway = true
    test.clock.jump(INTERVAL)
    await flood('d')
    await flood('e')
    expect(test.web.requests).toHaveLength(3)
    // What was known goes on counting.
    expect((await askBy(test, FIRST)).status).toBe(200)
    // One line in a minute, and not one for each of those who were refused.
    expect(test.log.events('token.refused')).toHaveLength(3)
  })
})
