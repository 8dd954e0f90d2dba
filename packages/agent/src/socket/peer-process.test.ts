import { once } from 'node:events'
import { createConnection, createServer, Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { holdPeerProcess, supportsPeerPidfd } from './peer-process.ts'
import { readStartTime } from './process-start-time.ts'

/** A connection of this process to itself, as the accepting side sees it. */
async function connectToSelf(): Promise<Socket> {
  const path = join(await temporaryFolder(), 'a.sock')
  const server = createServer({ pauseOnConnect: true })
  server.listen(path)
  await once(server, 'listening')
  const client = createConnection(path)
  const [accepted] = (await once(server, 'connection')) as [Socket]
  onTestFinished(() => {
    client.destroy()
    accepted.destroy()
    server.close()
  })
  return accepted
}

describe('holdPeerProcess', () => {
  it.each([true, false])('names the process that connected, pidfd: %s', async (wanted) => {
    const socket = await connectToSelf()
    const held = holdPeerProcess(socket, { pidfd: wanted && supportsPeerPidfd(socket) })
    expect(held?.process).toMatchObject({
      pid: process.pid,
      uid: process.geteuid?.(),
      gid: process.getegid?.(),
      startTime: readStartTime(process.pid),
    })
    expect(held?.process.isAlive()).toBe(true)
    held?.release()
    expect(held?.process.isAlive()).toBe(false)
  })

  it('does not revive a released process when its descriptor number is used again', async () => {
    const socket = await connectToSelf()
    const pidfd = supportsPeerPidfd(socket)
    const first = holdPeerProcess(socket, { pidfd })
    first?.release()
    const second = holdPeerProcess(socket, { pidfd })
    expect(second?.process.isAlive()).toBe(true)
    expect(first?.process.isAlive()).toBe(false)
    first?.release()
    expect(second?.process.isAlive()).toBe(true)
    second?.release()
  })

  it('knows nothing of a socket that is closed, or not one of the kernel', async () => {
    const socket = await connectToSelf()
    socket.destroy()
    expect(holdPeerProcess(socket, { pidfd: false })).toBeUndefined()
    expect(holdPeerProcess(new Socket(), { pidfd: false })).toBeUndefined()
    expect(supportsPeerPidfd(socket)).toBe(false)
  })

  it('knows nothing of a TCP peer, which the kernel does not name', async () => {
    const server = createServer({ pauseOnConnect: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const client = createConnection(port, '127.0.0.1')
    const [accepted] = (await once(server, 'connection')) as [Socket]
    expect(holdPeerProcess(accepted, { pidfd: false })).toBeUndefined()
    client.destroy()
    accepted.destroy()
    server.close()
  })
})
