import { connect } from 'node:http2'

/** Asks for an X509-SVID on a connection. @returns `identity`, `refused: STATUS` or `closed: REASON` */
export function ask(socket) {
  return new Promise((resolve) => {
    const session = connect('http://localhost', { createConnection: () => socket })
    const end = (answer) => {
      resolve(answer)
      session.destroy()
      socket.destroy()
    }
    socket.on('error', (error) => end(`closed: ${error.code}`))
    socket.on('close', () => end('closed: by the agent'))
    session.on('error', (error) => end(`closed: ${error.code}`))
    const request = session.request({
      ...{ ':method': 'POST', ':path': '/SpiffeWorkloadAPI/FetchX509SVID' },
      ...{ 'content-type': 'application/grpc', te: 'trailers', 'workload.spiffe.io': 'true' },
    })
    const statusIn = (headers) => {
      const status = headers['grpc-status']
      if (status !== undefined) end(`refused: ${status}`)
    }
    request.on('response', statusIn)
    request.on('trailers', statusIn)
    request.on('error', (error) => end(`closed: ${error.code}`))
    request.on('data', () => end('identity'))
    // One gRPC message without content.
    request.end(Buffer.alloc(5))
  })
}
