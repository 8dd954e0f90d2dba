import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { expectCode } from '@countersign/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startWebServer } from '../test-support/web-server.ts'
import { AddressPolicy } from './address-policy.ts'
import { createBundleFetcher } from './fetch-bundle.ts'
import { resolveHost } from './resolve-address.ts'

const never = new AbortController().signal
const addresses = new AddressPolicy(['127.0.0.0/8', '::1'])

function fetchBundle({ url, webRoots }: { url: string; webRoots?: string }, signal: AbortSignal) {
  return createBundleFetcher(resolveHost)(
    { url, authentication: { profile: 'https_web', webRoots }, addresses },
    signal,
  )
}

const send = (response: ServerResponse, body: string, status = 200, headers: Record<string, string> = {}) => {
  response.writeHead(status, headers)
  response.end(body)
}

describe('fetchBundle', () => {
  it('fetches over TLS that the given roots vouch for', async () => {
    const web = await startWebServer((_request, response) => send(response, '{"keys":[],"spiffe_sequence":3}'))
    const document = await fetchBundle({ url: `${web.url}/bundle?x=1`, webRoots: web.webRoots }, never)
    expect(document).toEqual({ keys: [], spiffe_sequence: 3 })
    expect(web.requests).toEqual(['GET /bundle?x=1'])
  })

  it('does not trust what the public Web PKI does not, without roots of its own', async () => {
    const web = await startWebServer((_request, response) => send(response, '{"keys":[]}'))
    await expectCode(fetchBundle({ url: web.url }, never), 'ERR_FEDERATION_CERTIFICATE')
    expect(web.requests).toEqual([])
  })

  it('checks the host name', async () => {
    const web = await startWebServer((_request, response) => send(response, '{"keys":[]}'), '127.0.0.2')
    await expectCode(fetchBundle({ url: web.url, webRoots: web.webRoots }, never), 'ERR_FEDERATION_CERTIFICATE')
    expect(web.requests).toEqual([])
  })

  it('follows three redirects, each from https to https', async () => {
    const web = await startWebServer((request, response) => {
      const hop = Number(request.url?.slice(1))
      if (hop === 0) send(response, '{"keys":[]}')
      else send(response, '', 302, { location: `/${hop - 1}` })
    })
    const { webRoots } = web
    expect(await fetchBundle({ url: `${web.url}/3`, webRoots }, never)).toEqual({ keys: [] })
    await expectCode(fetchBundle({ url: `${web.url}/4`, webRoots }, never), 'ERR_FEDERATION_REDIRECT')
  })

  it.each(['http://localhost/bundle', 'https://user@localhost/bundle', 'file:///etc/passwd', 'https://'])(
    'does not follow a redirect to %s',
    async (location) => {
      const web = await startWebServer((_request, response) => send(response, '', 307, { location }))
      const fetching = fetchBundle({ url: web.url, webRoots: web.webRoots }, never)
      await expectCode(fetching, 'ERR_FEDERATION_REDIRECT')
    },
  )

  it('does not follow a redirect that says nowhere to', async () => {
    const web = await startWebServer((_request, response) => send(response, '', 302))
    await expectCode(fetchBundle({ url: web.url, webRoots: web.webRoots }, never), 'ERR_FEDERATION_REDIRECT')
  })

  it.each([204, 304, 404, 500])('refuses status %d', async (status) => {
    const web = await startWebServer((_request, response) => send(response, '', status))
    await expectCode(fetchBundle({ url: web.url, webRoots: web.webRoots }, never), 'ERR_FEDERATION_STATUS')
  })

  it.each(['', '[]', '{', '{"keys":[],"keys":[]}', '"text"'])('refuses the body %j', async (body) => {
    const web = await startWebServer((_request, response) => send(response, body))
    await expectCode(fetchBundle({ url: web.url, webRoots: web.webRoots }, never), 'ERR_FEDERATION_BUNDLE')
  })

  it('refuses a body that is not UTF-8', async () => {
    const web = await startWebServer((_request, response) => {
      response.end(Buffer.from('7b226b657973223a5b22ff225d7d', 'hex'))
    })
    await expectCode(fetchBundle({ url: web.url, webRoots: web.webRoots }, never), 'ERR_FEDERATION_BUNDLE')
  })

  it('stops reading a body that never ends', async () => {
    const web = await startWebServer((_request, response) => {
      const chunk = ' '.repeat(65_536)
      const write = () => {
        while (!response.destroyed && response.write(chunk));
      }
      response.on('drain', write)
      write()
    })
    await expectCode(fetchBundle({ url: web.url, webRoots: web.webRoots }, never), 'ERR_FEDERATION_TOO_LARGE')
  })

  it('gives up when told to, while waiting for an answer and while reading it', async () => {
    for (const begin of [false, true]) {
      const stop = new AbortController()
      const web = await startWebServer((_request, response) => {
        if (begin) response.write('{')
        setImmediate(() => stop.abort())
      })
      const fetching = fetchBundle({ url: web.url, webRoots: web.webRoots }, stop.signal)
      await expectCode(fetching, 'ERR_FEDERATION_TIMEOUT')
    }
  })

  it('says that nobody answers', async () => {
    const probe = createServer()
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
    const { port } = probe.address() as AddressInfo
    await new Promise((resolve) => probe.close(resolve))
    await expectCode(fetchBundle({ url: `https://127.0.0.1:${port}` }, never), 'ERR_FEDERATION_UNREACHABLE')
  })

  it('refuses to speak to something that is not TLS', async () => {
    const plain = createServer((socket) => socket.resume().end('HTTP/1.1 200 OK\r\n\r\n{"keys":[]}'))
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => new Promise<void>((resolve) => void plain.close(() => resolve())))
    const { port } = plain.address() as AddressInfo
    await expectCode(fetchBundle({ url: `https://127.0.0.1:${port}` }, never), 'ERR_FEDERATION_TLS')
  })
})
