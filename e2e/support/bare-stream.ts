import { type ClientHttp2Session, connect } from 'node:http2'
import { createConnection } from 'node:net'

/** One X.509 stream on a connection of its own, as cheap for the caller as can be. */
export interface BareStream {
  /** Octets of the message. */
  readonly received: number
  close(): void
}

/** @throws Error naming the gRPC status, or the system's reason, when no message comes */
export function openBareStream(socketPath: string): Promise<BareStream> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(socketPath)
    const session: ClientHttp2Session = connect('http://localhost', { createConnection: () => socket })
    const fail = (reason: string) => {
      session.destroy()
      socket.destroy()
      reject(new Error(reason))
    }
    socket.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message))
    session.on('error', (error) => fail(error.message))
    const request = session.request({
      ':method': 'POST',
      ':path': '/SpiffeWorkloadAPI/FetchX509SVID',
      'content-type': 'application/grpc',
      te: 'trailers',
      'workload.spiffe.io': 'true',
    })
    request.on('error', (error) => fail(error.message))
    const failWith = (headers: Record<string, unknown>) => {
      if (headers['grpc-status'] !== undefined) fail(`gRPC status ${String(headers['grpc-status'])}`)
    }
    request.on('response', failWith)
    request.on('trailers', failWith)
    request.on('close', () => fail('closed'))
    request.once('data', (chunk: Buffer) => {
      resolve({ received: chunk.length, close: () => session.destroy() })
    })
    // One gRPC message without content.
    request.end(Buffer.alloc(5))
  })
}
