import { once } from 'node:events'
import { connect, createServer, type IncomingHttpHeaders, type ServerHttp2Session } from 'node:http2'
import { createConnection, createServer as createSocketServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { FLAG, FRAME, frame, PREFACE, readFrames } from '../test-support/http2-frames.ts'
import { RECORDED_CLIENTS } from '../test-support/recorded-clients.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { encodeLiterals } from './hpack/encode-literals.ts'
import type { Http2InputError } from './http2-input-error.ts'
import { StampedConnection } from './stamped-connection.ts'

const COMPRESSION_ERROR = 9

/** Node's own HTTP/2 behind a stamped connection. It answers each request with what it was sent. */
async function serve() {
  const path = join(await temporaryFolder(), 's.sock')
  const http2 = createServer({ settings: { maxConcurrentStreams: 100 } })
  const sessions: ServerHttp2Session[] = []
  const refused: Http2InputError[] = []
  const requests: IncomingHttpHeaders[] = []
  http2.on('session', (session) => {
    session.on('error', () => {})
    sessions.push(session)
  })
  http2.on('stream', (stream, headers) => {
    requests.push(headers)
    stream.on('error', () => {})
    stream.respond({ ':status': 200 })
    stream.pipe(stream)
  })
  const sockets: Socket[] = []
  const server = createSocketServer({ pauseOnConnect: true }, (socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    http2.emit('connection', new StampedConnection(socket, 'the-stamp', (error) => refused.push(error)))
  })
  server.listen(path)
  await once(server, 'listening')
  onTestFinished(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return { path, sessions, refused, requests, sockets }
}

/** A client that sends octets and keeps what it is answered. */
function rawClient(path: string) {
  const socket = createConnection(path)
  onTestFinished(() => void socket.destroy())
  const received: Buffer[] = []
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => received.push(chunk))
  return { socket, closed: once(socket, 'close'), frames: () => readFrames(Buffer.concat(received)) }
}

const eventually = (holds: () => boolean) => expect.poll(holds, { interval: 2, timeout: 10_000 }).toBe(true)

describe.each(RECORDED_CLIENTS)('$name', ({ octets, path: requested }) => {
  it('is let in by HTTP/2', async () => {
    const { path, requests } = await serve()
    const { socket, frames } = rawClient(path)
    socket.write(octets)
    await eventually(() => frames().some(({ type }) => type === FRAME.headers))
    expect(requests).toMatchObject([{ ':authority': 'the-stamp', ':path': requested, 'workload.spiffe.io': 'true' }])
    expect(frames().filter(({ type }) => type === FRAME.reset || type === FRAME.goaway)).toEqual([])
  })
})

describe('a stamped connection', () => {
  it('changes nothing of what a client compresses, over many requests with more fields than the table holds', async () => {
    const { path, requests } = await serve()
    const client = connect('http://localhost', { createConnection: () => createConnection(path) })
    onTestFinished(() => client.destroy())
    const sent = Array.from({ length: 300 }, (_, index) => ({
      ':path': `/service/Method${index % 7}`,
      ':method': 'POST',
      'content-type': 'application/grpc',
      [`name-${index % 40}`]: `value-${index % 60}-${'é~{}|^'.repeat(index % 30)}`,
      'x-long': String.fromCharCode(97 + (index % 26)).repeat(10 * (index % 90)),
    }))
    for (const headers of sent) {
      const stream = client.request(headers)
      stream.end(headers[':path'])
      await once(stream.resume(), 'end')
    }
    for (const [index, headers] of sent.entries()) {
      expect(requests[index]).toMatchObject({ ...headers, ':authority': 'the-stamp' })
    }
  })

  it('carries a large body both ways', async () => {
    const { path } = await serve()
    const client = connect('http://localhost', { createConnection: () => createConnection(path) })
    onTestFinished(() => client.destroy())
    const stream = client.request({ ':method': 'POST' })
    const body = Buffer.alloc(3_000_000, 'body')
    stream.end(body)
    const answer: Buffer[] = []
    stream.on('data', (chunk: Buffer) => answer.push(chunk))
    await once(stream, 'end')
    expect(Buffer.concat(answer).equals(body)).toBe(true)
  })

  it.each([
    ['cannot be decoded', Buffer.of(0x80), 'ERR_HTTP2_INPUT_MALFORMED'],
    ['unfolds to more than is allowed', Buffer.alloc(16_000, 0x81), 'ERR_HTTP2_INPUT_TOO_LARGE'],
  ])('ends with COMPRESSION_ERROR at headers that %s', async (_, block, code) => {
    const { path, refused, requests } = await serve()
    const { socket, closed, frames } = rawClient(path)
    socket.write(Buffer.concat([PREFACE, frame(FRAME.settings, 0, 0), frame(FRAME.headers, FLAG.endHeaders, 1, block)]))
    await closed
    expect(
      frames()
        .find(({ type }) => type === FRAME.goaway)
        ?.payload.readUInt32BE(4),
    ).toBe(COMPRESSION_ERROR)
    expect(refused.map((error) => error.code)).toEqual([code])
    expect(requests).toEqual([])
  })

  it('ends in the same way while a request is under way on the first stream', async () => {
    const { path, requests } = await serve()
    const { socket, closed, frames } = rawClient(path)
    const request = encodeLiterals(
      Object.entries({ ':method': 'POST', ':scheme': 'http', ':path': '/' }).map(([name, value]) => ({ name, value })),
    )
    for (const flags of [FLAG.endHeaders, FLAG.endHeaders | FLAG.endStream]) {
      requests.length = 0
      const client = flags === FLAG.endHeaders ? { socket, closed, frames } : rawClient(path)
      client.socket.write(
        Buffer.concat([PREFACE, frame(FRAME.settings, 0, 0), frame(FRAME.headers, flags, 1, request)]),
      )
      await eventually(() => requests.length === 1)
      client.socket.write(frame(FRAME.headers, FLAG.endHeaders, 3, Buffer.of(0x80)))
      await client.closed
      expect(client.frames().some(({ type }) => type === FRAME.goaway)).toBe(true)
    }
  })

  it('reads no more from a client while HTTP/2 does not read', async () => {
    const path = join(await temporaryFolder(), 's.sock')
    const connections: StampedConnection[] = []
    const server = createSocketServer({ pauseOnConnect: true }, (socket) => {
      connections.push(new StampedConnection(socket, 'the-stamp', () => {}))
    })
    server.listen(path)
    await once(server, 'listening')
    onTestFinished(() => {
      for (const connection of connections) connection.destroy()
      server.close()
    })
    // One octet of each of these stands for 4 KB.
    const literal = encodeLiterals([
      { name: ':method', value: 'POST' },
      { name: 'n', value: 'v'.repeat(3_900) },
    ])
    literal[1 + 1 + ':method'.length + 1 + 'POST'.length] = 0x40
    const { socket } = rawClient(path)
    socket.write(Buffer.concat([PREFACE, frame(FRAME.headers, FLAG.endHeaders, 1, literal)]))
    const small = Array.from({ length: 6_000 }, (_, index) =>
      frame(FRAME.headers, FLAG.endHeaders, 3 + 2 * index, Buffer.of(0x83, 62 | 0x80)),
    )
    socket.write(Buffer.concat(small))
    await eventually(() => connections.length === 1)
    const [connection] = connections
    connection!.read(0)
    await eventually(() => connection!.readableLength >= connection!.readableHighWaterMark)
    await new Promise((resolve) => setImmediate(resolve))
    expect(connection!.readableLength).toBeLessThan(connection!.readableHighWaterMark + 10_000)
    let total = 0
    connection!.on('data', (chunk: Buffer) => {
      total += chunk.length
    })
    await eventually(() => total > 6_000 * 3_900)
  })

  it('closes when the client does, and the other way round', async () => {
    const { path, sockets, sessions } = await serve()
    const first = rawClient(path)
    first.socket.write(PREFACE)
    await eventually(() => sessions.length === 1)
    first.socket.destroy()
    await eventually(() => sockets[0]!.destroyed && sessions[0]!.destroyed)
    const second = rawClient(path)
    second.socket.write(PREFACE)
    await eventually(() => sessions.length === 2)
    sessions[1]!.destroy()
    await second.closed
  })
})
