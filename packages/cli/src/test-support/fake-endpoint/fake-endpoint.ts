import { mkdtemp, rm } from 'node:fs/promises'
import { constants, createServer, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { createServer as createNetServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EndpointAddress } from '@countersign/workload-api'
import { frameMessage } from '../../conformance/workload-api/transport/grpc-call.ts'
import { goodAnswer } from './fake-answers.ts'
import type { FakeAnswer, FakeConnection, FakeHandler, FakeRequest } from './fake-request.ts'
import type { FakeWorld } from './fake-world.ts'
import { RequestRecorder } from './request-recorder.ts'

/** A Workload API endpoint that does everything right until a test makes it do one thing wrong. */
export class FakeEndpoint {
  readonly world: FakeWorld
  handler: FakeHandler
  /** What to do with a connection that speaks something else than HTTP/2. */
  onOther: (socket: Socket) => void = (socket) => socket.destroy()
  onConnection: (socket: Socket) => void = () => {}
  onCancel: (connection: FakeConnection) => void = () => {}
  isOverTcp = false
  /** Whether processes without an identity can connect at all. */
  isOpenToAll = true
  readonly connections = new Set<FakeConnection>()

  constructor(world: FakeWorld) {
    this.world = world
    this.handler = (request) => goodAnswer(world, request)
  }

  /** Wraps the handler: what `spoil` gives back counts, `undefined` leaves the answer as it is. */
  spoil(spoil: (request: FakeRequest, good: FakeHandler) => FakeAnswer | undefined): void {
    const good = this.handler
    this.handler = (request) => spoil(request, good) ?? good(request)
  }

  /** The calls of connections made from now on are not answered, so many times. */
  failNext = 0

  readonly #closers: (() => unknown)[] = []

  /** Ends everything that {@link listen} began. */
  async close(): Promise<void> {
    await Promise.all(this.#closers.reverse().map((close) => close()))
  }

  async listen(): Promise<{ address: EndpointAddress; anonymous: EndpointAddress }> {
    const folder = await mkdtemp(join(tmpdir(), 'countersign-fake-'))
    this.#closers.push(() => rm(folder, { recursive: true, force: true }))
    const http2 = createServer()
    http2.on('sessionError', () => {})
    const listening = async (isAnonymous: boolean, path: string) => {
      const server = createNetServer({ noDelay: true }, (socket) => this.#accept(http2, socket, isAnonymous))
      if (isAnonymous && !this.isOpenToAll) return { kind: 'unix', path } as const
      this.#closers.push(() => server.close())
      if (this.isOverTcp) return listenTcp(server)
      await new Promise<void>((resolve) => server.listen(path, resolve))
      return { kind: 'unix', path } as const
    }
    http2.on('stream', (stream, headers) => this.#serve(stream, headers).catch(() => stream.close()))
    return {
      address: await listening(false, join(folder, 'api.sock')),
      anonymous: await listening(true, join(folder, 'anonymous.sock')),
    }
  }

  readonly #bySession = new WeakMap<
    object,
    { recorder: RequestRecorder; isAnonymous: boolean; connection: FakeConnection }
  >()

  #accept(http2: Http2Server, socket: Socket, isAnonymous: boolean): void {
    socket.on('error', () => {})
    this.#closers.push(() => socket.destroy())
    this.onConnection(socket)
    if (socket.destroyed) return
    const recorder = new RequestRecorder(socket, () => this.onOther(socket))
    http2.once('session', (session) => {
      const connection: FakeConnection = {
        open: [],
        begun: 0,
        cancelled: 0,
        paths: new Set(),
        unfinished: 0,
        isWaiting: () => connection.unfinished > 0,
        isSlowReader: () => session.remoteSettings?.initialWindowSize === 0,
        drop: () => session.destroy(),
      }
      session.on('error', () => {})
      this.connections.add(connection)
      session.on('close', () => this.connections.delete(connection))
      this.#bySession.set(session, { recorder, isAnonymous, connection })
    })
    http2.emit('connection', recorder)
  }

  async #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const known = stream.session === undefined ? undefined : this.#bySession.get(stream.session)
    if (known === undefined) return
    const { recorder, isAnonymous, connection } = known
    const received = Object.entries(headers).map(([name, value]) => [name, String(value)] as const)
    const fields = recorder.fieldsOf(stream.id ?? 0) ?? received
    const path = fields.find(([name]) => name === ':path')?.[1] ?? ''
    connection.begun += 1
    connection.unfinished += 1
    connection.open.push(path)
    connection.paths.add(path)
    stream.on('error', () => {})
    stream.on('close', () => {
      connection.open.splice(connection.open.indexOf(path), 1)
      if (stream.rstCode === constants.NGHTTP2_CANCEL) {
        connection.cancelled += 1
        this.onCancel(connection)
      }
    })
    const message = await readMessage(stream, path)
    connection.unfinished -= 1
    if (stream.destroyed) return
    if (this.failNext > 0 && connection.begun === 1) {
      this.failNext -= 1
      await send(stream, { messages: [], status: 14 })
      return
    }
    const valuesOf = (name: string) => fields.filter((field) => field[0] === name).map(([, value]) => value)
    await send(stream, this.handler({ path, fields, message, isAnonymous, connection, valuesOf }))
  }
}

async function send(stream: ServerHttp2Stream, answer: FakeAnswer): Promise<void> {
  const { messages, status = 0, text = '', isOpen, delayMs, isReset } = answer
  if (isReset) return stream.close(constants.NGHTTP2_PROTOCOL_ERROR)
  if (delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, delayMs))
  if (stream.destroyed) return
  const trailers = { 'grpc-status': String(status), 'grpc-message': encodeURIComponent(text) }
  const headers = { ':status': 200, 'content-type': 'application/grpc' }
  if (messages.length === 0 && !isOpen) {
    stream.respond({ ...headers, ...trailers }, { endStream: true })
    if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR)
    return
  }
  stream.respond(headers, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers(trailers))
  for (const message of messages) stream.write(frameMessage(message))
  if (!isOpen) stream.end()
}

/** Octets of a request beyond these are not waited for. */
const MAX_MESSAGE_BYTES = 1024 * 1024

/** The first message; of reflection, without waiting for the end of the stream. */
function readMessage(stream: ServerHttp2Stream, path: string): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let length = 0
    const finish = () => resolve(Buffer.concat(chunks).subarray(5))
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      length += chunk.length
      if (length > MAX_MESSAGE_BYTES) finish()
      if (path.endsWith('ServerReflectionInfo')) finish()
    })
    stream.on('end', finish)
    stream.on('close', finish)
  })
}

async function listenTcp(server: Server): Promise<EndpointAddress> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return { kind: 'tcp', host: '127.0.0.1', port: typeof address === 'object' ? (address?.port ?? 0) : 0 }
}
