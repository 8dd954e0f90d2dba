import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { tcpAddress, unixAddress } from './remote-address.ts'

/** What enters a pid namespace of its own; elsewhere than as root a user namespace is needed, which not every host allows. */
const UNSHARE = ['unshare', '--pid', '--fork', '--kill-child', ...(process.getuid?.() === 0 ? [] : ['--map-root-user'])]
const canUnshare = spawnSync(UNSHARE[0] ?? '', [...UNSHARE.slice(1), 'true']).status === 0

/** A program connects, as the accepting side sees it. */
async function connectedBy(wrapper: readonly string[]): Promise<Socket> {
  const path = join(await temporaryFolder(), 'a.sock')
  const server = createServer({ pauseOnConnect: true })
  server.listen(path)
  await once(server, 'listening')
  const script = `require('node:net').createConnection(${JSON.stringify(path)}).on('error', () => {})`
  const [command = '', ...args] = [...wrapper, process.execPath, '-e', script]
  const child = spawn(command, args, { stdio: 'ignore' })
  const [accepted] = (await once(server, 'connection')) as [Socket]
  onTestFinished(() => {
    child.kill('SIGKILL')
    accepted.destroy()
    server.close()
  })
  return accepted
}

describe('unixAddress', () => {
  it('shares process ids with a program beside the agent', async () => {
    expect(unixAddress(await connectedBy([]))).toEqual({ text: 'unix', sharesPids: true })
  })

  it.skipIf(!canUnshare)('shares none with one in a pid namespace of its own (needs unshare)', async () => {
    expect(unixAddress(await connectedBy(UNSHARE))).toEqual({ text: 'unix', sharesPids: false })
  })

  it('shares none with nobody', () => {
    expect(unixAddress(new Socket()).sharesPids).toBe(false)
  })
})

describe('tcpAddress', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1', true],
    ['127.8.9.1', '127.0.0.1', true],
    ['::1', '::1', true],
    ['::ffff:127.0.0.1', '::ffff:127.0.0.1', true],
    ['192.0.2.7', '192.0.2.7', true],
    ['::ffff:192.0.2.7', '192.0.2.7', true],
    ['192.0.2.8', '192.0.2.7', false],
    ['192.0.2.8', undefined, false],
    ['2001:db8::1', '2001:db8::2', false],
    ['1.127.0.0', '192.0.2.7', false],
  ])('from %s to %s is the same host: %s', (remote, local, expected) => {
    expect(tcpAddress(remote, local).sharesPids).toBe(expected)
  })
})
