import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, lstatSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expectCode, FakeClock } from '@countersign/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { askOperator } from '../test-support/ask-operator.ts'
import { RecordingLogger } from '../test-support/recording-logger.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { isOperator, OperatorSocket } from './operator-socket.ts'

async function open(path?: string) {
  const folder = await temporaryFolder()
  const clock = new FakeClock()
  const log = new RecordingLogger()
  const peers: unknown[] = []
  const http = createServer((request, response) => {
    peers.push(socket.peer(request.socket))
    response.setHeader('connection', 'close').end('{"ok":true}')
  })
  const socket = await OperatorSocket.open({ path: path ?? join(folder, 'operator.sock'), clock, log, http })
  onTestFinished(() => socket.close())
  return { folder, clock, log, peers, socket }
}

/** What a process of another user gets: the status line, or the code of the failed connection. */
async function askAs(uid: number, path: string): Promise<string> {
  const script = `
    const socket = require('node:net').connect(process.argv[1])
    let text = ''
    socket.on('data', (chunk) => { text += chunk })
    socket.on('error', (error) => { console.log(error.code); process.exit() })
    socket.on('close', () => console.log(text.split('\\r\\n')[0], /ERR_[A-Z_]+/.exec(text)?.[0] ?? ''))
    socket.write('GET / HTTP/1.1\\r\\nhost: a\\r\\nconnection: close\\r\\n\\r\\n')`
  const child = spawn(process.execPath, ['-e', script, path], { uid, stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  await once(child, 'close')
  return text.trim()
}

describe('OperatorSocket', () => {
  it('is open to its owner only, and leaves nothing else in the folder', async () => {
    const { folder, socket } = await open()
    expect(lstatSync(socket.path).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder)).toEqual(['operator.sock'])
  })

  it('knows which process asks', async () => {
    const { socket, peers } = await open()
    expect((await askOperator(socket.path, '/')).body).toEqual({ ok: true })
    expect(peers).toMatchObject([{ pid: process.pid, uid: process.geteuid?.() }])
  })

  it.each([
    [0, 1000, true],
    [1000, 1000, true],
    [1001, 1000, false],
    [1000, 0, false],
    [1000, undefined, false],
  ])('lets user %i ask an agent of user %s: %s', (uid, own, may) => {
    expect(isOperator(uid, own)).toBe(may)
  })

  const isRoot = process.geteuid?.() === 0
  const rootReason = isRoot ? '' : ' (skipped: only root can ask as another user)'
  it.skipIf(!isRoot)(`is closed to other users, even when its mode lets them in${rootReason}`, async () => {
    const { folder, socket, peers, log } = await open()
    chmodSync(folder, 0o755)
    expect(await askAs(65_534, socket.path)).toBe('EACCES')
    chmodSync(socket.path, 0o777)
    expect(await askAs(65_534, socket.path)).toBe('HTTP/1.1 403 Refused ERR_OPERATOR_PEER')
    expect(peers).toEqual([])
    expect(log.records.at(-1)).toMatchObject({ level: 'warn', fields: { uid: 65_534 } })
  })

  it('drops a connection that never asks', async () => {
    const { socket, clock } = await open()
    const silent = connect(socket.path)
    onTestFinished(() => void silent.destroy())
    await once(silent, 'connect')
    // A whole exchange on another connection: by then the first one was accepted too.
    await askOperator(socket.path, '/')
    const closed = once(silent, 'close')
    silent.resume()
    await clock.advance(10)
    await closed
  })

  it('replaces the socket of an agent that crashed, and takes no other file away', async () => {
    const { folder, socket } = await open()
    await expectCode(open(socket.path), 'ERR_AGENT_SOCKET_IN_USE')
    await socket.close()
    expect(existsSync(socket.path)).toBe(false)
    const file = join(folder, 'file')
    writeFileSync(file, 'mine')
    await expectCode(open(file), 'ERR_AGENT_SOCKET_IN_USE')
    expect(readdirSync(folder)).toEqual(['file'])
  })

  it('refuses a folder that others can change', async () => {
    const { folder } = await open()
    chmodSync(folder, 0o777)
    await expectCode(open(join(folder, 'other.sock')), 'ERR_AGENT_SOCKET_FOLDER')
  })

  it('refuses a path that the kernel would cut', async () => {
    await expectCode(open(join(await temporaryFolder(), 'a'.repeat(100))), 'ERR_AGENT_SOCKET_PATH')
  })
})
