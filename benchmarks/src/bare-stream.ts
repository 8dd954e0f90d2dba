import { connect } from 'node:http2'
import { createConnection } from 'node:net'

/** One X.509 stream on a connection of its own, as cheap for the caller as can be. */
export interface BareStream {
  close(): void
}

/**
 * Resolves with the first message, or a rejection that names the gRPC status.
 *
 * @param onMessage called with the octets of each whole message, without gRPC's prefix
 */
export function openBareStream(socketPath: string, onMessage: (bytes: Buffer) => void = () => {}): Promise<BareStream> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(socketPath)
    const session = connect('http://localhost', { createConnection: () => socket })
    const fail = (reason: string) => {
      session.destroy()
      socket.destroy()
      reject(new Error(reason))
    }
    socket.on('error', (error) => fail(error.message))
    session.on('error', (error) => fail(error.message))
    const request = session.request({
      ':method': 'POST',
      ':path': '/SpiffeWorkloadAPI/FetchX509SVID',
      'content-type': 'application/grpc',
      te: 'trailers',
      'workload.spiffe.io': 'true',
    })
    request.on('error', (error) => fail(error.message))
    request.on('close', () => fail('stream has ended'))
    let pending = Buffer.alloc(0)
    request.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk])
      while (pending.length >= 5 && pending.length >= 5 + pending.readUInt32BE(1)) {
        const end = 5 + pending.readUInt32BE(1)
        onMessage(pending.subarray(5, end))
        pending = pending.subarray(end)
        resolve({ close: () => session.destroy() })
      }
    })
    // One gRPC message without content.
    request.end(Buffer.alloc(5))
  })
}

/** Opens a stream, again and again until an agent that has just started serves it. */
export async function openWhenServed(socketPath: string, onMessage?: (bytes: Buffer) => void): Promise<BareStream> {
  for (let tries = 1; ; tries++) {
    try {
      return await openBareStream(socketPath, onMessage)
    } catch (error) {
      if (tries === 100) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}
