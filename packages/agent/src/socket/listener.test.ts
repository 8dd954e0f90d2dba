import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { type PeerProcess, silentLogger } from '@countersign/plugin-kit'
import { FakeClock, settle } from '@countersign/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { RecordingLogger } from '../test-support/recording-logger.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { Listener, type ListenerOptions } from './listener.ts'

type Served = { connection: Duplex; key: string; peer: PeerProcess }

async function open(overrides: Partial<ListenerOptions> = {}) {
  const path = overrides.path ?? join(await temporaryFolder(), 'agent.sock')
  const served: Served[] = []
  const clock = new FakeClock()
  const listener: Listener = await Listener.open({
    path,
    limits: { total: 64, perUid: 64 },
    handshakeTimeoutMs: 1_000,
    clock,
    log: silentLogger,
    serve: (connection, key) => {
      const peer = listener.peer(key)
      if (peer === undefined) throw new Error('served without a peer')
      served.push({ connection, key, peer })
      connection.write(`${peer.pid} ${peer.uid}\n`)
      connection.resume()
    },
    ...overrides,
  })
  onTestFinished(() => listener.close())
  return { path, listener, served, clock }
}

/** Connects from another process, which prints the first line it is sent and then waits for its input to end. */
function connectElsewhere(path: string): ChildProcess {
  const script = `
    const socket = require('node:net').connect(process.argv[1])
    socket.once('data', (data) => process.stdout.write(data))
    process.stdin.on('end', () => process.exit()).resume()`
  const child = spawn(process.execPath, ['-e', script, path], { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [data] = (await once(child.stdout!, 'data')) as [Buffer]
  return data.toString().trim()
}

const eventually = async (holds: () => boolean) => {
  for (let turn = 0; turn < 2_000 && !holds(); turn++) await new Promise((resolve) => setTimeout(resolve, 1))
  expect(holds()).toBe(true)
}

describe('Listener', () => {
  it('tells eight programs at once apart, each by its own pid', async () => {
    const { path, served } = await open()
    const children = Array.from({ length: 8 }, () => connectElsewhere(path))
    const lines = await Promise.all(children.map(firstLine))
    expect(lines).toEqual(children.map((child) => `${child.pid} ${process.geteuid?.()}`))
    expect(new Set(served.map(({ peer }) => peer.pid)).size).toBe(8)
    expect(served.every(({ peer }) => peer.isAlive())).toBe(true)
  }, 30_000)

  it('notices when the program that connected has ended, though its pid may live on in another', async () => {
    const { path, served } = await open()
    const child = connectElsewhere(path)
    await firstLine(child)
    const peer = served[0]!.peer
    expect(peer.isAlive()).toBe(true)
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(peer.isAlive()).toBe(false)
  }, 30_000)

  it('does not lend the identity of an ended program to one that inherited its connection', async () => {
    const { path, served } = await open()
    // The shell connects nothing itself: node connects, hands the socket to "sleep" as its input and ends.
    const script = `
      const { spawn } = require('node:child_process')
      const socket = require('node:net').connect(process.argv[1], () => {
        const heir = spawn('sleep', ['30'], { stdio: [socket, 'ignore', 'ignore'], detached: true })
        process.stdout.write(heir.pid + '\\n', () => process.exit())
      })`
    const child = spawn(process.execPath, ['-e', script, path], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [heir] = await Promise.all([firstLine(child), once(child, 'exit')])
    onTestFinished(() => void process.kill(Number(heir), 'SIGKILL'))
    await eventually(() => served.length === 1)
    expect(served[0]!.peer.pid).toBe(child.pid)
    expect(served[0]!.connection.destroyed).toBe(false)
    expect(served[0]!.peer.isAlive()).toBe(false)
  }, 30_000)

  it('lets go of the process when its connection closes', async () => {
    const { path, listener, served } = await open()
    const openDescriptors = async () => (await readdir('/proc/self/fd')).length
    const before = await openDescriptors()
    const client = createConnection(path)
    await once(client, 'data')
    const key = served[0]!.key
    expect(listener.connections).toBe(1)
    client.destroy()
    await eventually(() => listener.connections === 0)
    expect(listener.peer(key)).toBeUndefined()
    expect(served[0]!.peer.isAlive()).toBe(false)
    await eventually(() => served[0]!.connection.closed)
    expect(await openDescriptors()).toBe(before)
  })

  it('gives every connection a key of its own that says nothing', async () => {
    const { path, listener, served } = await open()
    const clients = [createConnection(path), createConnection(path)]
    await Promise.all(clients.map((client) => once(client, 'data')))
    const keys = served.map(({ key }) => key)
    expect(new Set(keys).size).toBe(2)
    for (const key of keys) expect(key).toMatch(/^[A-Za-z0-9_-]{22}$/)
    expect(listener.peer('unknown')).toBeUndefined()
    for (const client of clients) client.destroy()
  })

  it('drops connections over the limit of one user and says so', async () => {
    const log = new RecordingLogger()
    const { path, listener } = await open({ limits: { total: 64, perUid: 2 }, log })
    const clients = [createConnection(path), createConnection(path)]
    await Promise.all(clients.map((client) => once(client, 'data')))
    const third = createConnection(path)
    third.on('error', () => {})
    await once(third, 'close')
    expect(listener.connections).toBe(2)
    expect(log.with('too many connections, connection dropped')).toHaveLength(1)
    clients[0]!.destroy()
    await eventually(() => listener.connections === 1)
    const fourth = createConnection(path)
    await once(fourth, 'data')
    for (const client of [...clients, fourth]) client.destroy()
  })

  it('does not let one user fill the log with dropped connections', async () => {
    const log = new RecordingLogger()
    const { path } = await open({ limits: { total: 64, perUid: 0 }, log })
    for (let count = 0; count < 25; count++) {
      const client = createConnection(path)
      client.on('error', () => {})
      await once(client, 'close')
    }
    expect(log.with('too many connections, connection dropped')).toHaveLength(10)
  })

  it('drops a connection that sends nothing, and keeps one that speaks', async () => {
    const { path, listener, clock } = await open()
    const silent = createConnection(path)
    const talking = createConnection(path)
    await Promise.all([once(silent, 'data'), once(talking, 'data')])
    talking.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    await settle()
    const closed = once(silent.resume(), 'close')
    await clock.advance(1)
    await closed
    expect(listener.connections).toBe(1)
    expect(talking.destroyed).toBe(false)
    talking.destroy()
  })

  it('opens the socket to every user and nothing else', async () => {
    const { path } = await open()
    expect((await stat(path)).mode & 0o7777).toBe(0o777)
    expect(await readdir(join(path, '..'))).toEqual(['agent.sock'])
  })

  it('replaces a socket that a crashed agent left behind', async () => {
    const path = join(await temporaryFolder(), 'agent.sock')
    const script = `require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`
    await once(spawn(process.execPath, ['-e', script, path]), 'exit')
    expect((await stat(path)).isSocket()).toBe(true)
    await open({ path })
    const client = createConnection(path)
    await once(client, 'data')
    client.destroy()
  }, 30_000)

  it('leaves a socket alone that another program serves', async () => {
    const path = join(await temporaryFolder(), 'agent.sock')
    const other = createServer((socket) => void socket.on('error', () => {}).end('other'))
    other.listen(path)
    await once(other, 'listening')
    onTestFinished(() => void other.close())
    await expect(open({ path })).rejects.toMatchObject({ code: 'ERR_AGENT_SOCKET_IN_USE' })
    const [data] = (await once(createConnection(path), 'data')) as [Buffer]
    expect(data.toString()).toBe('other')
    expect(await readdir(join(path, '..'))).toEqual(['agent.sock'])
  })

  it('does not overwrite a file', async () => {
    const path = join(await temporaryFolder(), 'agent.sock')
    await writeFile(path, 'precious')
    await expect(open({ path })).rejects.toMatchObject({ code: 'ERR_AGENT_SOCKET_IN_USE' })
  })

  it('refuses a folder in which others could swap the socket', async () => {
    const folder = join(await temporaryFolder(), 'shared')
    await mkdir(folder)
    await chmod(folder, 0o777)
    await expect(open({ path: join(folder, 'agent.sock') })).rejects.toMatchObject({ code: 'ERR_AGENT_SOCKET_FOLDER' })
    await chmod(folder, 0o1777)
    await open({ path: join(folder, 'agent.sock') })
  })

  it('refuses a path no socket can have', async () => {
    const path = join(await temporaryFolder(), 'a'.repeat(108))
    await expect(open({ path })).rejects.toMatchObject({ code: 'ERR_AGENT_SOCKET_PATH' })
  })

  it('removes its socket when it closes, but not the one of its successor', async () => {
    const first = await open()
    await first.listener.close()
    await expect(stat(first.path)).rejects.toMatchObject({ code: 'ENOENT' })
    const second = await open({ path: first.path })
    await first.listener.close()
    expect((await stat(second.path)).isSocket()).toBe(true)
  })
})
