import { once } from 'node:events'
import { createConnection, createServer, type Socket } from 'node:net'
import { AgentError } from '../agent-error.ts'
import { holdPeerProcess, supportsPeerPidfd } from './peer-process.ts'

const TIMEOUT_MS = 5_000

/**
 * Connects this process to itself and looks whether the kernel says so. Everything the agent answers rests on this: on a
 * member of Node's sockets that is not documented, a call into the C library, and the kernel.
 *
 * @param path of a socket that is made for this and removed again
 * @param hold what is tested
 * @returns whether the kernel also gives a pidfd
 * @throws AgentError `ERR_AGENT_PEER_CREDENTIALS`
 */
export async function testPeerCredentials(path: string, hold = holdPeerProcess): Promise<boolean> {
  const server = createServer({ pauseOnConnect: true })
  server.listen(path)
  await once(server, 'listening')
  const client = createConnection(path)
  client.on('error', () => {})
  try {
    const [accepted] = (await once(server, 'connection', { signal: AbortSignal.timeout(TIMEOUT_MS) })) as [Socket]
    try {
      const pidfd = supportsPeerPidfd(accepted)
      const held = hold(accepted, { pidfd })
      const { pid, uid } = held?.process ?? {}
      const isSelf = pid === process.pid && uid === process.geteuid?.() && held?.process.isAlive() === true
      held?.release()
      if (!isSelf) throw new Error(`asked for pid ${process.pid}, got ${pid}`)
      return pidfd
    } finally {
      accepted.destroy()
    }
  } catch (cause) {
    throw new AgentError('ERR_AGENT_PEER_CREDENTIALS', 'the kernel does not say who connects to a socket', { cause })
  } finally {
    client.destroy()
    server.close()
  }
}
