/** Endpoints that are broken or mean harm: each costs little and ends in a refusal of its own. */

import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { expectCode } from '@countersign/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startWebServer } from '../test-support/web-server.ts'
import { AddressPolicy } from './address-policy.ts'
import { createBundleFetcher } from './fetch-bundle.ts'
import { resolveHost } from './resolve-address.ts'

const MEGABYTE = 1024 * 1024
const never = new AbortController().signal
const addresses = new AddressPolicy(['127.0.0.1', '::1'])

const fetchFrom = ({ url, webRoots }: { url: string; webRoots?: string }, signal = never) =>
  createBundleFetcher(resolveHost)({ url, authentication: { profile: 'https_web', webRoots }, addresses }, signal)

/** Answers with exactly these bytes below HTTP. */
const startRaw = (answer: (socket: TLSSocket) => void) =>
  startWebServer((_request, _response, socket) => answer(socket))

describe('an endpoint that sends too much', () => {
  it('of a body of 100 MB hears no more after a fraction of it', async () => {
    let closed = () => {}
    const end = new Promise<void>((resolve) => {
      closed = resolve
    })
    let sent = 0
    const web = await startWebServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(100 * MEGABYTE) })
      const chunk = Buffer.alloc(65_536, ' ')
      const write = () => {
        while (sent < 100 * MEGABYTE && !response.destroyed) {
          sent += chunk.length
          if (!response.write(chunk)) return
        }
      }
      response.on('drain', write).on('close', closed)
      write()
    })
    const before = process.memoryUsage().arrayBuffers
    await expectCode(fetchFrom(web), 'ERR_FEDERATION_TOO_LARGE')
    await end
    expect(sent).toBeLessThan(20 * MEGABYTE)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * MEGABYTE)
  })

  it('takes a body of 256 KiB and not a byte more', async () => {
    const bodyOf = (bytes: number) => `{"keys":[]}${' '.repeat(bytes - 11)}`
    const web = await startWebServer((request, response) => response.end(bodyOf(Number(request.url?.slice(1)))))
    expect(await fetchFrom({ ...web, url: `${web.url}/262144` })).toEqual({ keys: [] })
    await expectCode(fetchFrom({ ...web, url: `${web.url}/262145` }), 'ERR_FEDERATION_TOO_LARGE')
  })

  it('of headers is refused', async () => {
    const web = await startRaw((socket) => {
      socket.on('error', () => {})
      socket.write(`HTTP/1.1 200 OK\r\n${`x: ${'a'.repeat(1000)}\r\n`.repeat(20)}\r\n{"keys":[]}`)
    })
    await expectCode(fetchFrom(web), 'ERR_FEDERATION_TOO_LARGE')
  })
})

describe('an endpoint that is broken', () => {
  it.each([
    ['is cut off', 'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"keys":[]}', 'ERR_FEDERATION_UNREACHABLE'],
    ['says nothing at all', '', 'ERR_FEDERATION_UNREACHABLE'],
    ['is not HTTP', 'SSH-2.0-x\r\n\r\n', 'ERR_FEDERATION_BUNDLE'],
    ['wants another protocol', 'HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n', undefined],
    ['is compressed unasked', 'HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n\u001f\u008b', 'ERR_FEDERATION_BUNDLE'],
    [
      'has two lengths',
      'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 11\r\n\r\n{"keys":[]}',
      'ERR_FEDERATION_BUNDLE',
    ],
  ])('and whose answer %s', async (_, answer, code = 'ERR_FEDERATION_UNREACHABLE') => {
    const web = await startRaw((socket) => socket.end(answer, 'latin1'))
    await expectCode(fetchFrom(web), code)
  })
})

describe('an endpoint that takes its time', () => {
  /** Sends the next byte only when the one before has been taken, for ever. */
  const drip = (socket: Socket | TLSSocket, text: string) => {
    socket.on('error', () => {})
    const timer = setInterval(() => socket.write(text), 5)
    socket.once('close', () => clearInterval(timer))
  }

  it.each([
    ['in its headers', (socket: TLSSocket) => socket.write('HTTP/1.1 200 OK\r\nx: '), 'a'],
    ['in its body', (socket: TLSSocket) => socket.write('HTTP/1.1 200 OK\r\n\r\n{'), ' '],
    ['with interim answers', () => {}, 'HTTP/1.1 102 Processing\r\n\r\n'],
  ])('%s is left when time is up, connection and all', async (_, begin, text) => {
    const stop = new AbortController()
    const web = await startRaw((socket) => {
      begin(socket)
      drip(socket, text)
      setImmediate(() => stop.abort())
    })
    await expectCode(fetchFrom(web, stop.signal), 'ERR_FEDERATION_TIMEOUT')
    await expect.poll(() => web.connections.every(({ destroyed }) => destroyed)).toBe(true)
  })

  it('in its handshake is left when time is up', async () => {
    const stop = new AbortController()
    const sockets: Socket[] = []
    const silent = createServer((socket) => {
      sockets.push(socket.on('error', () => {}).resume())
      setImmediate(() => stop.abort())
    })
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => new Promise<void>((resolve) => void silent.close(() => resolve())))
    const { port } = silent.address() as AddressInfo
    await expectCode(fetchFrom({ url: `https://127.0.0.1:${port}` }, stop.signal), 'ERR_FEDERATION_TIMEOUT')
    await expect.poll(() => sockets.every(({ destroyed }) => destroyed)).toBe(true)
  })
})
