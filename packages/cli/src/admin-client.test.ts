import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { socketError } from './admin/admin-socket-error.ts'
import { exchange } from './admin/exchange.ts'
import { startAdminServer } from './test-support/admin-server.ts'
import { runCli } from './test-support/run-cli.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

const list = (socket: string) => runCli(['entry', 'list', '--admin-socket', socket])

describe('admin client', () => {
  it('says what to do when there is no socket', async () => {
    const socket = join(await temporaryFolder(), 'admin.sock')
    const { code, stdout, stderr } = await list(socket)
    expect(code).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toBe(
      `error: no admin socket at ${socket} (ERR_ADMIN_SOCKET_MISSING)\n` +
        'hint: start the server with `countersign server run --config FILE`, or name its socket with --admin-socket or COUNTERSIGN_ADMIN_SOCKET\n',
    )
  })

  it('says what to do when nobody listens on the socket any more', async () => {
    const leftover = join(await temporaryFolder(), 'admin.sock')
    await writeFile(leftover, '')
    const { code, stderr } = await list(leftover)
    expect(code).toBe(1)
    expect(stderr).toContain('(ERR_ADMIN_SOCKET_REFUSED)\nhint: the socket is a leftover')
  })

  it.each(['EACCES', 'EPERM'])('names a missing permission (%s)', (code) => {
    expect(socketError('/s', Object.assign(new Error('no'), { code }))).toMatchObject({
      code: 'ERR_ADMIN_SOCKET_DENIED',
    })
  })

  it('reports any other failure of the connection', () => {
    const cause = Object.assign(new Error('reset'), { code: 'ECONNRESET' })
    expect(socketError('/s', cause)).toMatchObject({ code: 'ERR_ADMIN_SOCKET_FAILED', detail: 'ECONNRESET' })
  })

  it('takes the socket from the environment, and the option before it', async () => {
    const server = await startAdminServer({ 'GET /v1/entries': { body: { entries: [], revision: 1 } } })
    const fromEnvironment = await runCli(['entry', 'list'], { env: { COUNTERSIGN_ADMIN_SOCKET: server.socketPath } })
    expect(fromEnvironment).toEqual({ code: 0, stdout: 'no entries\n', stderr: '' })
    const fromOption = await runCli(['entry', 'list', '--admin-socket', server.socketPath], {
      env: { COUNTERSIGN_ADMIN_SOCKET: '/nowhere' },
    })
    expect(fromOption.code).toBe(0)
  })

  it("shows the server's own code and message, made safe for a terminal", async () => {
    const body = { type: 'about:blank', title: 'entry exists\u001b[2J', status: 409, code: 'ERR_REGISTRATION_EXISTS' }
    const { socketPath } = await startAdminServer({ 'GET /v1/entries': { status: 409, body } })
    const { code, stderr } = await list(socketPath)
    expect(code).toBe(1)
    expect(stderr).toBe('error: entry exists\\u{1b}[2J (ERR_REGISTRATION_EXISTS)\n')
  })

  it('shows the detail of a refusal', async () => {
    const body = { type: 'about:blank', title: 'refused', status: 400, code: 'ERR_X', detail: 'selectors[0] is empty' }
    const { socketPath } = await startAdminServer({ 'GET /v1/entries': { status: 400, body } })
    expect((await list(socketPath)).stderr).toContain('detail: selectors[0] is empty\n')
  })

  it.each([
    [200, '<html>'],
    [502, 'bad gateway'],
    [500, '{"message":"no code"}'],
  ])('refuses an answer that no countersign server gives (%i %j)', async (status, body) => {
    const { socketPath } = await startAdminServer({ 'GET /v1/entries': { status, body } })
    const { code, stderr } = await list(socketPath)
    expect(code).toBe(1)
    expect(stderr).toContain('(ERR_ADMIN_SOCKET_ANSWER)')
  })
})

describe('exchange', () => {
  it('gives up on a server that never answers', async () => {
    const socketPath = join(await temporaryFolder(), 'silent.sock')
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(socketPath, resolve))
    onTestFinished(() => void server.close())
    await expect(
      exchange({ socketPath, method: 'GET', path: '/', timeoutSeconds: 0.02, maxBodyBytes: 10 }),
    ).rejects.toMatchObject({ code: 'ERR_ADMIN_SOCKET_TIMEOUT' })
  })

  it('reports a server that goes away in the middle of its answer', async () => {
    const socketPath = join(await temporaryFolder(), 'broken.sock')
    const server = createServer((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"entries":'))
    })
    await new Promise<void>((resolve) => server.listen(socketPath, resolve))
    onTestFinished(() => void server.close())
    await expect(
      exchange({ socketPath, method: 'GET', path: '/', timeoutSeconds: 10, maxBodyBytes: 1000 }),
    ).rejects.toMatchObject({ code: 'ERR_ADMIN_SOCKET_FAILED', detail: 'ECONNRESET' })
  })

  it('reads no more than it may', async () => {
    const { socketPath } = await startAdminServer({ 'GET /': { body: 'x'.repeat(100) } })
    const call = { socketPath, method: 'GET', path: '/', timeoutSeconds: 10 }
    await expect(exchange({ ...call, maxBodyBytes: 99 })).rejects.toMatchObject({ code: 'ERR_ADMIN_SOCKET_ANSWER' })
    expect((await exchange({ ...call, maxBodyBytes: 100 })).body).toHaveLength(100)
  })
})
