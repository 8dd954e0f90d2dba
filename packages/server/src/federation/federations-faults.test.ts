/** Whatever an endpoint that was good turns into: the reason is told, and the bundle that was stored stays. */
import { expect, it } from 'vitest'
import { anAuthority, openFederations, partner } from '../test-support/federation-world.ts'
import type { Answer } from '../test-support/tls-server.ts'
import { startWebServer } from '../test-support/web-server.ts'
import { createBundleFetcher } from './fetch-bundle.ts'
import { resolveHost } from './resolve-address.ts'

const { trustDomain } = partner
const send =
  (body: string, status = 200, headers: object = {}): Answer =>
  (_request, response) =>
    response.writeHead(status, { ...headers }).end(body)

/** One that would be good, but for what is named. */
const bundleWith = (members: string) => `{"keys":[],"spiffe_sequence":9,"spiffe_refresh_hint":60${members}}`

it.each([
  ['garbage', 'ERR_FEDERATION_BUNDLE', send('\u0000\u0001garbage')],
  ['a web page', 'ERR_FEDERATION_BUNDLE', send('<html></html>', 200, { 'content-type': 'text/html' })],
  ['a repeated member', 'ERR_FEDERATION_BUNDLE', send(bundleWith(',"keys":[]'))],
  ['no keys member', 'ERR_FEDERATION_BUNDLE', send('{"spiffe_sequence":9}')],
  ['a key that is none', 'ERR_FEDERATION_BUNDLE', send('{"keys":[null],"spiffe_sequence":9}')],
  ['keys for something else', 'ERR_FEDERATION_BUNDLE', send('{"keys":[{"kty":"EC","use":"sig"}],"spiffe_sequence":9}')],
  ['a sequence that is text', 'ERR_FEDERATION_BUNDLE', send('{"keys":[],"spiffe_sequence":"9"}')],
  ['an older sequence', 'ERR_FEDERATION_OLDER', send('{"keys":[],"spiffe_sequence":4}')],
  ['a body that is too large', 'ERR_FEDERATION_TOO_LARGE', send(' '.repeat(300_000))],
  ['an error', 'ERR_FEDERATION_STATUS', send(bundleWith(''), 503)],
  ['a way into the private network', 'ERR_FEDERATION_ADDRESS', send('', 302, { location: 'https://10.0.0.1/' })],
  ['a way out of TLS', 'ERR_FEDERATION_REDIRECT', send('', 302, { location: 'http://localhost/' })],
  ['a way in circles', 'ERR_FEDERATION_REDIRECT', send('', 302, { location: '/' })],
  ['silence', 'ERR_FEDERATION_TIMEOUT', (() => {}) satisfies Answer],
] as const)('%s', async (_, code, fault) => {
  let answer: Answer = () => {}
  let asked = Promise.withResolvers<void>()
  const web = await startWebServer((request, response, socket) => {
    asked.resolve()
    answer(request, response, socket)
  })
  const fetchBundle = createBundleFetcher(resolveHost)
  const { federations, bundles, clock, log } = await openFederations({ fetchBundle })
  const good = { keys: [await anAuthority(clock)], spiffe_sequence: 5, spiffe_refresh_hint: 60 }
  answer = send(JSON.stringify(good))
  const allowedAddresses = ['127.0.0.1', '::1']
  await federations.create({ ...partner, bundleEndpointUrl: web.url, webRoots: web.webRoots, allowedAddresses })
  expect((await federations.refresh(trustDomain)).sequence).toBe(5)
  const stored = await bundles.get(trustDomain)

  asked = Promise.withResolvers<void>()
  answer = fault
  const refreshing = federations.refresh(trustDomain)
  await asked.promise
  if (code === 'ERR_FEDERATION_TIMEOUT') await clock.advance(10)
  expect((await refreshing).lastError?.code).toBe(code)
  expect(await bundles.get(trustDomain)).toEqual(stored)
  expect(log.events('bundle.refused')).toMatchObject([{ trustDomain, code }])
  expect(log.lines.filter(({ level }) => level === 'warn')).toMatchObject([{ fields: { trustDomain, code } }])

  answer = send(JSON.stringify({ ...good, spiffe_sequence: 6 }))
  expect(await federations.refresh(trustDomain)).toMatchObject({ sequence: 6 })
})
