import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { EndpointAddress } from '@countersign/workload-api'
import { ConformanceError } from '../../conformance-error.ts'
import type { Dial } from './grpc-connection.ts'

/** Connections to an endpoint, from this process. */
export function dialEndpoint(address: EndpointAddress, timeoutMs: number): Dial {
  return () =>
    new Promise<Duplex>((resolve, reject) => {
      // Small frames that wait for each other would take 40 ms each.
      const socket = address.kind === 'unix' ? connect(address.path) : connect({ ...address, noDelay: true })
      const fail = (detail: string) => {
        socket.destroy()
        reject(new ConformanceError('ERR_CONFORMANCE_UNREACHABLE', 'endpoint cannot be reached', { detail }))
      }
      const timer = setTimeout(() => fail('no connection in time'), timeoutMs)
      socket.once('error', (error) => fail(error.message))
      socket.once('connect', () => {
        clearTimeout(timer)
        socket.removeAllListeners('error')
        socket.on('error', () => {})
        resolve(socket)
      })
    })
}
