import { spawn } from 'node:child_process'
import { Duplex } from 'node:stream'
import type { EndpointAddress } from '@countersign/workload-api'
import { ConformanceError } from '../../conformance-error.ts'
import type { Dial } from './grpc-connection.ts'

/**
 * What the other process runs: it connects, so it is the one the endpoint sees, and passes octets on. Given as text, since
 * the other user may not be able to read our files. One octet says that the connection is there.
 */
const RELAY = `
const { connect } = require('node:net')
const address = JSON.parse(process.argv[1])
const socket = address.kind === 'unix' ? connect(address.path) : connect(address.port, address.host)
socket.on('error', (error) => { process.stderr.write(error.message); process.exit(1) })
socket.on('connect', () => { process.stdout.write('\\n'); process.stdin.pipe(socket); socket.pipe(process.stdout) })
socket.on('close', () => process.exit(0))
`

/**
 * Connections to an endpoint that a process of another user makes. Needs the right to start one: root.
 *
 * @param uid of a user that the endpoint gives no identity
 */
export function dialAsUser(address: EndpointAddress, uid: number, timeoutMs: number): Dial {
  return () =>
    new Promise<Duplex>((resolve, reject) => {
      const child = spawn(process.execPath, ['-e', RELAY, JSON.stringify(address)], {
        uid,
        gid: uid,
        env: {},
        cwd: '/',
        stdio: ['pipe', 'pipe', 'pipe'],
      })
      let trouble = ''
      const fail = (detail: string) => {
        child.kill('SIGKILL')
        reject(
          new ConformanceError('ERR_CONFORMANCE_UNREACHABLE', 'endpoint cannot be reached as another user', { detail }),
        )
      }
      const timer = setTimeout(() => fail('no connection in time'), timeoutMs)
      child.on('error', (error) => fail(error.message))
      child.on('close', () => {
        clearTimeout(timer)
        fail(trouble.slice(0, 200))
      })
      child.stderr.on('data', (chunk) => {
        trouble += chunk
      })
      child.stdin.on('error', () => {})
      child.stdout.once('data', (first: Buffer) => {
        clearTimeout(timer)
        child.stdout.unshift(first.subarray(1))
        const connection = Duplex.from({ readable: child.stdout, writable: child.stdin })
        connection.once('close', () => child.kill('SIGKILL'))
        resolve(connection)
      })
    })
}
