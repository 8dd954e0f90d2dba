/** Who is believed to be the bundle endpoint, by either profile, over real TLS. */
import { WorkloadId } from '@countersign/protocol'
import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { CertificateMaker, realNow } from '../test-support/certificate-maker.ts'
import { startTlsServer, type TlsServer } from '../test-support/tls-server.ts'
import type { TlsCredential } from '../tls/tls-credential.ts'
import { AddressPolicy } from './address-policy.ts'
import { connectEndpoint } from './connect-endpoint.ts'
import type { EndpointAuthentication } from './endpoint-authentication.ts'
import { createBundleFetcher } from './fetch-bundle.ts'
import type { ResolveHost } from './resolve-address.ts'

const ENDPOINT_ID = 'spiffe://partner.example/bundle-endpoint'
const never = new AbortController().signal
const partner = await CertificateMaker.create('partner.example')
const other = await CertificateMaker.create('other.example')
const loopback: ResolveHost = async () => [{ address: '127.0.0.1', family: 4 }]

const serve = (credential: TlsCredential, options: object = {}) =>
  startTlsServer({ ...credential, ...options }, (_request, response) => response.end('{}'))

async function connect(
  { port }: Pick<TlsServer, 'port'>,
  authentication: EndpointAuthentication,
  { allowed = ['127.0.0.1'], resolve = loopback, signal = never, host = 'endpoint.example' } = {},
) {
  const rules = { authentication, addresses: new AddressPolicy(allowed) }
  const socket = await connectEndpoint(new URL(`https://${host}:${port}/bundle`), rules, resolve, signal)
  socket.destroy()
}

const spiffe = (change: Partial<{ id: string; roots: Uint8Array[]; now: number }> = {}): EndpointAuthentication => ({
  profile: 'https_spiffe',
  endpointId: WorkloadId.parse(change.id ?? ENDPOINT_ID),
  roots: change.roots ?? [partner.root],
  now: change.now ?? realNow(),
})
const web = (webRoots?: string): EndpointAuthentication => ({ profile: 'https_web', webRoots })

const expired = { notBefore: realNow() - 7200, notAfter: realNow() - 3600 }
const future = { notBefore: realNow() + 3600, notAfter: realNow() + 7200 }

describe('https_spiffe', () => {
  it('believes the X509-SVID of the endpoint, whatever the host is called', async () => {
    await connect(await serve(await partner.svid(ENDPOINT_ID)), spiffe())
  })

  it.each([
    ['another workload of the domain', 'spiffe://partner.example/bundle-endpoint2'],
    ['a workload whose path only begins so', `${ENDPOINT_ID}/a`],
  ])('refuses %s', async (_, id) => {
    const endpoint = await serve(await partner.svid(id))
    const error = await expectCode(connect(endpoint, spiffe()), 'ERR_FEDERATION_IDENTITY')
    expect(error.detail).toContain(id)
    expect(endpoint.requests).toEqual([])
  })

  it.each([
    [
      'of another domain that has the name',
      async () => (await CertificateMaker.create('partner.example')).svid(ENDPOINT_ID),
      {},
    ],
    ['that has expired', () => partner.svid(ENDPOINT_ID, expired), {}],
    ['that is not valid yet', () => partner.svid(ENDPOINT_ID, future), {}],
    ['of a domain that another one has roots for', () => other.svid('spiffe://other.example/a'), {}],
    ['when the domain has withdrawn its roots', () => partner.svid(ENDPOINT_ID), { roots: [] }],
  ])('refuses an X509-SVID %s', async (_, credential, change) => {
    const endpoint = await serve(await credential())
    await expectCode(connect(endpoint, spiffe(change)), 'ERR_FEDERATION_CERTIFICATE')
    expect(endpoint.requests).toEqual([])
  })

  it('judges by the time it is given', async () => {
    const endpoint = await serve(await partner.svid(ENDPOINT_ID))
    await expectCode(connect(endpoint, spiffe({ now: realNow() + 86_000 })), 'ERR_FEDERATION_CERTIFICATE')
    await connect(await serve(await partner.svid(ENDPOINT_ID, expired)), spiffe({ now: realNow() - 5000 }))
  })

  it('does not fall back to the Web PKI', async () => {
    const endpoint = await serve(await partner.web(['endpoint.example']))
    await connect(endpoint, web(partner.rootPem))
    await expectCode(connect(endpoint, spiffe()), 'ERR_FEDERATION_CERTIFICATE')
  })
})

describe('https_web', () => {
  it('believes a certificate for the host, at the address the name was checked at', async () => {
    const names: string[] = []
    const resolve: ResolveHost = async (host) => {
      names.push(host)
      // A name server that says something else the second time leads nowhere new.
      return [{ address: names.length === 1 ? '127.0.0.1' : '127.0.0.2', family: 4 }]
    }
    const endpoint = await serve(await partner.web(['endpoint.example']))
    await connect(endpoint, web(partner.rootPem), { resolve, allowed: ['127.0.0.0/8'] })
    expect(names).toEqual(['endpoint.example'])
    expect(endpoint.connections).toHaveLength(1)
  })

  it.each([
    ['for another host', () => partner.web(['other.example']), () => partner.rootPem],
    ['that has expired', () => partner.web(['endpoint.example'], expired), () => partner.rootPem],
    ['that is not valid yet', () => partner.web(['endpoint.example'], future), () => partner.rootPem],
    ['under another root', () => other.web(['endpoint.example']), () => partner.rootPem],
    ['that no public authority issued', () => partner.web(['endpoint.example']), () => undefined],
    ['that is an X509-SVID, though its root is trusted', () => partner.svid(ENDPOINT_ID), () => partner.rootPem],
  ])('refuses a certificate %s', async (_, credential, roots) => {
    const endpoint = await serve(await credential())
    const error = await expectCode(connect(endpoint, web(roots())), 'ERR_FEDERATION_CERTIFICATE')
    expect(error.detail).toMatch(/^[A-Z_]+$/)
    expect(endpoint.requests).toEqual([])
  })

  it('does not take an address for a name', async () => {
    const endpoint = await serve(await partner.web(['endpoint.example']))
    await connect(endpoint, web(partner.rootPem), { host: '127.0.0.1' })
    const elsewhere = await startTlsServer(
      await partner.web(['127.0.0.2.example']),
      (_, answer) => answer.end(),
      '127.0.0.2',
    )
    const connecting = connect(elsewhere, web(partner.rootPem), { host: '127.0.0.2', allowed: ['127.0.0.2'] })
    await expectCode(connecting, 'ERR_FEDERATION_CERTIFICATE')
  })
})

describe('both profiles', () => {
  it.each([
    ['https_web', () => web(partner.rootPem), () => partner.web(['endpoint.example'])],
    ['https_spiffe', () => spiffe(), () => partner.svid(ENDPOINT_ID)],
  ])('%s: does not even connect to an address that is not allowed', async (_, authentication, credential) => {
    const endpoint = await serve(await credential())
    for (const host of ['endpoint.example', '127.0.0.1', '[::ffff:127.0.0.1]', '0x7f000001', '2130706433']) {
      const connecting = connect(endpoint, authentication(), { host, allowed: [] })
      await expectCode(connecting, 'ERR_FEDERATION_ADDRESS')
    }
    expect(endpoint.connections).toEqual([])
  })

  it.each([
    ['https_web', () => web(partner.rootPem), () => partner.web(['endpoint.example'])],
    ['https_spiffe', () => spiffe(), () => partner.svid(ENDPOINT_ID)],
  ])('%s: shows no certificate, even when asked for one', async (_, authentication, credential) => {
    const tls = { requestCert: true, rejectUnauthorized: false }
    const endpoint = await serve(await credential(), tls)
    const url = `https://endpoint.example:${endpoint.port}/bundle`
    const rules = { authentication: authentication(), addresses: new AddressPolicy(['127.0.0.1']) }
    expect(await createBundleFetcher(loopback)({ url, ...rules }, never)).toEqual({})
    expect(endpoint.peerCertificates).toEqual([undefined])
  })

  it('speaks no TLS before 1.2', async () => {
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }
    const endpoint = await serve(await partner.svid(ENDPOINT_ID), old)
    await expectCode(connect(endpoint, spiffe()), 'ERR_FEDERATION_TLS')
  })
})
