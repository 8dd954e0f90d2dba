/** A gRPC server of ours on a socket of its own, whose messages are octets, and clients that say exactly what they are told. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2'
import { createConnection, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeClock } from '@countersign/testing'
import type {
  GrpcMethod,
  HandleBidiStreaming,
  HandleServerStreaming,
  HandleUnary,
} from '@countersign/workload-api/server'
import { onTestFinished } from 'vitest'
import { GrpcServer } from '../grpc/grpc-server.ts'
import { RecordingLogger } from './recording-logger.ts'

export interface TestHandlers {
  readonly unary?: HandleUnary<string, string>
  readonly stream?: HandleServerStreaming<string, string>
  readonly bidi?: HandleBidiStreaming<string, string>
}

function method(name: string, requestStream: boolean, responseStream: boolean): GrpcMethod<unknown, unknown> {
  const encode = (message: unknown) => Buffer.from(message as string)
  const decode = (bytes: Buffer) => bytes.toString()
  const [requestSerialize, responseSerialize] = [encode, encode]
  const [requestDeserialize, responseDeserialize] = [decode, decode]
  const codec = { requestSerialize, requestDeserialize, responseSerialize, responseDeserialize }
  return { path: `/Test/${name}`, requestStream, responseStream, originalName: name, ...codec }
}

export async function startTestServer(handlers: TestHandlers) {
  const clock = new FakeClock()
  const log = new RecordingLogger()
  const server = new GrpcServer({ maxRequestBytes: 1000, clock, log })
  const unused = () => {}
  const methods = {
    unary: method('Unary', false, false),
    stream: method('Stream', false, true),
    bidi: method('Bidi', true, true),
  }
  server.addService(methods, { unary: unused, stream: unused, bidi: unused, ...handlers })
  const folder = await mkdtemp(join(tmpdir(), 'countersign-grpc-'))
  const socketPath = join(folder, 'grpc.sock')
  const listener = createServer((socket) => server.serve(socket))
  listener.listen(socketPath)
  await once(listener, 'listening')
  onTestFinished(async () => {
    server.close()
    listener.close()
    await rm(folder, { recursive: true, force: true })
  })
  return { server, clock, log, socketPath, connect: () => TestConnection.open(socketPath) }
}

export class TestConnection {
  readonly session: ClientHttp2Session

  private constructor(session: ClientHttp2Session) {
    this.session = session
  }

  static async open(socketPath: string): Promise<TestConnection> {
    const session = connect('http://localhost', { createConnection: () => createConnection(socketPath) })
    session.on('error', () => {})
    onTestFinished(() => session.destroy())
    await once(session, 'remoteSettings')
    return new TestConnection(session)
  }

  call(path: string, headers: OutgoingHttpHeaders = {}): TestCall {
    const plain = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' }
    return new TestCall(this.session.request({ ...plain, ...headers }, { endStream: false }))
  }
}

/** One call as its client sees it. */
export class TestCall {
  readonly stream: ClientHttp2Stream
  httpStatus: number | undefined
  /** Values of `grpc-status` and `grpc-message`. */
  status: string | undefined
  message: string | undefined
  received: Buffer = Buffer.alloc(0)
  readonly closed: Promise<void>

  constructor(stream: ClientHttp2Stream) {
    this.stream = stream
    const readStatus = (headers: Record<string, unknown>) => {
      this.status = headers['grpc-status']?.toString() ?? this.status
      this.message = headers['grpc-message']?.toString() ?? this.message
    }
    stream.on('response', (headers) => {
      this.httpStatus = headers[':status']
      readStatus(headers)
    })
    stream.on('trailers', readStatus)
    stream.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk])
    })
    stream.on('error', () => {})
    this.closed = new Promise((resolve) => stream.once('close', () => resolve()))
  }

  /** The messages that have come whole. */
  get messages(): string[] {
    const messages: string[] = []
    for (let at = 0; at + 5 <= this.received.length; ) {
      const end = at + 5 + this.received.readUInt32BE(at + 1)
      if (end > this.received.length) break
      messages.push(this.received.subarray(at + 5, end).toString())
      at = end
    }
    return messages
  }
}
