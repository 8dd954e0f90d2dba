/** A redirect is held to every rule of the URL that was configured. */
import { WorkloadId } from '@countersign/protocol'
import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { CertificateMaker, realNow } from '../test-support/certificate-maker.ts'
import { type Answer, startTlsServer } from '../test-support/tls-server.ts'
import type { TlsCredential } from '../tls/tls-credential.ts'
import { AddressPolicy } from './address-policy.ts'
import type { EndpointAuthentication } from './endpoint-authentication.ts'
import { createBundleFetcher } from './fetch-bundle.ts'
import type { ResolveHost } from './resolve-address.ts'

const ENDPOINT_ID = 'spiffe://partner.example/bundle-endpoint'
const never = new AbortController().signal
const partner = await CertificateMaker.create('partner.example')
const other = await CertificateMaker.create('other.example')

/** `private.example` is where nothing may be fetched from. */
const resolve: ResolveHost = async (host) => [
  { address: host === 'private.example' ? '127.0.0.2' : '127.0.0.1', family: 4 },
]
const web: EndpointAuthentication = { profile: 'https_web', webRoots: partner.rootPem }
const spiffe: EndpointAuthentication = {
  profile: 'https_spiffe',
  endpointId: WorkloadId.parse(ENDPOINT_ID),
  roots: [partner.root],
  now: realNow(),
}

const bundle: Answer = (_request, response) => response.end('{"keys":[]}')
const redirectTo =
  (location: string, headers: object = {}): Answer =>
  (_request, response) =>
    response.writeHead(302, { location, ...headers }).end()
const serve = async (credential: Promise<TlsCredential>, answer: Answer, host?: string) =>
  startTlsServer(await credential, answer, host)

const fetchFrom = (port: number, authentication: EndpointAuthentication) =>
  createBundleFetcher(resolve)(
    { url: `https://endpoint.example:${port}/bundle`, authentication, addresses: new AddressPolicy(['127.0.0.1']) },
    never,
  )

describe('https_web', () => {
  it('follows to another host with a certificate of its own, and sends it nothing that the first one set', async () => {
    let headers: object = {}
    const target = await serve(partner.web(['cdn.example']), (request, response) => {
      headers = request.headers
      response.end('{"keys":[]}')
    })
    const location = `https://cdn.example:${target.port}/b?x=1`
    const first = await serve(partner.web(['endpoint.example']), redirectTo(location, { 'set-cookie': 'a=1' }))
    expect(await fetchFrom(first.port, web)).toEqual({ keys: [] })
    expect(target.requests).toEqual(['GET /b?x=1'])
    expect(headers).toMatchObject({ host: `cdn.example:${target.port}` })
    expect(headers).not.toHaveProperty('cookie')
    expect(headers).not.toHaveProperty('referer')
  })

  it.each([
    ['for another name', () => partner.web(['endpoint.example'])],
    ['under another root', () => other.web(['cdn.example'])],
    ['that is an X509-SVID', () => partner.svid(ENDPOINT_ID)],
  ])('refuses a target with a certificate %s', async (_, credential) => {
    const target = await serve(credential(), bundle)
    const first = await serve(partner.web(['endpoint.example']), redirectTo(`https://cdn.example:${target.port}/`))
    await expectCode(fetchFrom(first.port, web), 'ERR_FEDERATION_CERTIFICATE')
    expect(target.requests).toEqual([])
  })
})

describe('https_spiffe', () => {
  it('follows to wherever the same SPIFFE ID answers', async () => {
    const target = await serve(partner.svid(ENDPOINT_ID), bundle)
    const first = await serve(partner.svid(ENDPOINT_ID), redirectTo(`https://cdn.example:${target.port}/`))
    expect(await fetchFrom(first.port, spiffe)).toEqual({ keys: [] })
  })

  it.each([
    ['another workload', 'ERR_FEDERATION_IDENTITY', () => partner.svid('spiffe://partner.example/cdn')],
    ['a web server', 'ERR_FEDERATION_CERTIFICATE', () => partner.web(['cdn.example'])],
    ['another domain', 'ERR_FEDERATION_CERTIFICATE', () => other.svid('spiffe://other.example/cdn')],
  ])('refuses %s as a target', async (_, code, credential) => {
    const target = await serve(credential(), bundle)
    const first = await serve(partner.svid(ENDPOINT_ID), redirectTo(`https://cdn.example:${target.port}/`))
    await expectCode(fetchFrom(first.port, spiffe), code)
    expect(target.requests).toEqual([])
  })
})

describe.each([
  ['https_web', web, () => partner.web(['endpoint.example', 'private.example'])],
  ['https_spiffe', spiffe, () => partner.svid(ENDPOINT_ID)],
])('%s', (_profile, authentication, credential) => {
  it.each(['private.example', '127.0.0.2', '0x7f000002'])('does not connect to %s', async (host) => {
    const target = await serve(credential(), bundle, '127.0.0.2')
    const first = await serve(credential(), redirectTo(`https://${host}:${target.port}/`))
    const error = await expectCode(fetchFrom(first.port, authentication), 'ERR_FEDERATION_ADDRESS')
    expect(error.detail).toBe('127.0.0.2')
    expect(target.connections).toEqual([])
  })

  it.each(['https://169.254.169.254/latest/meta-data/', 'https://[::ffff:127.0.0.1]/', 'https://[fd00::1]/'])(
    'does not connect to %s',
    async (location) => {
      const first = await serve(credential(), redirectTo(location))
      await expectCode(fetchFrom(first.port, authentication), 'ERR_FEDERATION_ADDRESS')
    },
  )

  it.each(['http://endpoint.example/', '//user@endpoint.example/', 'https://:p@endpoint.example/', 'ftp://a.example/'])(
    'does not follow to %s',
    async (location) => {
      const first = await serve(credential(), redirectTo(location))
      await expectCode(fetchFrom(first.port, authentication), 'ERR_FEDERATION_REDIRECT')
      expect(first.requests).toHaveLength(1)
    },
  )

  it('starts at the configured URL every time, whatever status the redirect has', async () => {
    const target = await serve(credential(), bundle)
    const first = await serve(credential(), (_request, response) => {
      response.writeHead(308, { location: `https://endpoint.example:${target.port}/` }).end()
    })
    const fetchBundle = () => fetchFrom(first.port, authentication)
    expect([await fetchBundle(), await fetchBundle()]).toEqual([{ keys: [] }, { keys: [] }])
    expect([first.requests.length, target.requests.length]).toEqual([2, 2])
  })

  it('leaves a loop after three redirects', async () => {
    const first = await serve(credential(), redirectTo('/bundle'))
    await expectCode(fetchFrom(first.port, authentication), 'ERR_FEDERATION_REDIRECT')
    expect(first.requests).toHaveLength(4)
  })
})
