import { createServer, type IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import { connect as connectHttp2 } from 'node:http2'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Party, TlsWorld } from '../test-support/tls-world.ts'
import { closeServer, listen, sendRaw } from '../test-support/wire.ts'
import { peerCertificateOf } from './peer-certificate.ts'

let world: TlsWorld
let server: Party
let client: Party
let leaf: string

beforeEach(() => {
  world = new TlsWorld()
  server = world.party(world.shop.svid('/orders', { dnsNames: ['localhost'] }))
  const svid = world.shop.svid('/storefront')
  client = world.party(svid)
  leaf = Buffer.from(svid.x509Svid).toString('base64')
})

afterEach(() => world[Symbol.asyncDispose]())

const shown = (request: IncomingMessage | Http2ServerRequest) =>
  Buffer.from(peerCertificateOf(request) ?? []).toString('base64')

describe('peerCertificateOf', () => {
  it('is the leaf of the connection, over HTTP/1.1 and HTTP/2', async () => {
    const first = server.tls.createHttpsServer({}, (request, response) => response.end(shown(request)))
    const { addressUrl } = await world.listen(first)
    const peer = world.shop.id('/orders')
    expect(await (await client.tls.fetch(addressUrl, { peer })).text()).toBe(leaf)

    const second = server.tls.createHttp2Server({}, (request, response) => response.end(shown(request)))
    const { port, addressUrl: http2Url } = await world.listen(second)
    const socket = await client.tls.connect({ host: '127.0.0.1', port, peer, alpnProtocols: ['h2'] })
    const session = connectHttp2(http2Url, { createConnection: () => socket })
    let text = ''
    for await (const chunk of session.request({ ':path': '/' }).setEncoding('utf8')) text += chunk
    session.destroy()
    expect(text).toBe(leaf)
  })

  it('is nothing on a plain connection', async () => {
    const plain = createServer((request, response) => response.end(`[${shown(request)}]`))
    expect((await sendRaw(await listen(plain), { fields: [] })).text).toBe('[]')
    await closeServer(plain)
  })
})
