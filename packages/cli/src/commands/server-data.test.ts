import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger } from '@countersign/plugin-kit'
import { loadServerConfig, type RunningServer, startServer } from '@countersign/server'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { heavyModules } from '../heavy-modules.ts'
import { runCli } from '../test-support/run-cli.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const modules = { serverData: heavyModules.serverData }
const NOW = Math.floor(Date.now() / 1000)

let folder: string
let config: string
let server: RunningServer | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-server-'))
  config = join(folder, 'server.yaml')
  const address = '{ host: 127.0.0.1, port: 0 }'
  writeFileSync(config, `trustDomain: example.org\ndataDir: ./data\nmachine: ${address}\npublic: ${address}\n`)
  writeFileSync(join(folder, 'passphrase'), 'correct horse battery\r\nanother line\n')
  writeFileSync(join(folder, 'short'), 'short\n')
})
afterEach(async () => {
  await stop()
  rmSync(folder, { recursive: true })
})

async function start() {
  const log = createLogger({ level: 'error', destination: { write: () => {} } })
  server = await startServer(await loadServerConfig(config), { log })
}
async function stop() {
  await server?.stop()
  server = undefined
}
const run = (...args: string[]) => runCli(['server', ...args], { modules, now: NOW })
const path = (...names: string[]) => join(folder, ...names)

describe('server backup and restore', () => {
  it('work on a running and on a stopped server, in the clear and encrypted', async () => {
    await start()
    const socket = ['--admin-socket', path('data', 'admin.sock')]
    const plain = await run('backup', '--output-file', path('plain'), ...socket)
    expect(plain).toMatchObject({ code: 0, stderr: expect.stringContaining('in the clear') })
    expect(plain.stdout).toMatch(/signing keys +included/)
    expect(statSync(path('plain')).mode & 0o777).toBe(0o600)
    const again = await run('backup', '--output-file', path('plain'), ...socket)
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('ERR_CLI_FILE_EXISTS') })
    const running = await run('backup', '--output-file', path('running'), '--config', config, '--output', 'json')
    expect(JSON.parse(running.stdout)).toMatchObject({
      trustDomain: 'example.org',
      encrypted: false,
      keysIncluded: true,
    })
    await stop()
    const sealed = ['--passphrase-file', path('passphrase')]
    const stopped = await run('backup', '--output-file', path('sealed'), '--config', config, ...sealed)
    expect(stopped).toMatchObject({ code: 0, stderr: '' })
    expect(readFileSync(path('sealed')).includes('"kty"')).toBe(false)

    const refused = await run('restore', '--from', path('sealed'), '--data-dir', path('new'))
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('ERR_BACKUP_PASSPHRASE') })
    const restored = await run('restore', '--from', path('sealed'), '--data-dir', path('new'), ...sealed)
    expect(restored.stdout).toContain('countersign server resume restore')
    const json = await run('restore', '--from', path('plain'), '--data-dir', path('new'), '--force', '--output', 'json')
    expect(JSON.parse(json.stdout)).toMatchObject({
      outcome: 'restored',
      highWaterKnown: true,
      backup: { trustDomain: 'example.org' },
    })
  })

  it('say what is wrong with what they are given', async () => {
    const codes = async (...args: string[]) => /\((ERR_[A-Z_]+)\)/.exec((await run(...args)).stderr)?.[1]
    const to = ['--data-dir', path('new')]
    expect(await codes('restore', '--from', path('none'), ...to)).toBe('ERR_CLI_FILE_NOT_FOUND')
    expect(await codes('restore', '--from', folder, ...to)).toBe('ERR_CLI_FILE_UNREADABLE')
    expect(await codes('restore', '--from', config, ...to)).toBe('ERR_BACKUP_FORMAT')
    expect(await codes('restore', '--from', config, ...to, '--passphrase-file', path('short'))).toBe(
      'ERR_CLI_FILE_MALFORMED',
    )
    expect(await codes('backup', '--output-file', path('b'), '--admin-socket', path('none'))).toBe(
      'ERR_ADMIN_SOCKET_MISSING',
    )
    await start()
    const socket = ['--admin-socket', path('data', 'admin.sock')]
    expect(await codes('backup', '--output-file', path('no', 'b'), ...socket)).toBe('ERR_CLI_FILE_NOT_WRITABLE')
    expect((await run('resume', 'restore', ...socket)).stderr).toContain('ERR_HOLD_NONE')
    expect((await run('resume', 'everything', ...socket)).code).toBe(2)
  })
})

describe('server doctor', () => {
  it('prints a table of findings and what to do, and exits with 1 when there is a problem', async () => {
    await start()
    const healthy = await run('doctor', '--config', config)
    expect(healthy).toMatchObject({ code: 0, stderr: '' })
    expect(healthy.stdout).toMatch(/^CHECK +STATUS +FINDING\nconfiguration +ok +valid\n/)
    expect(healthy.stdout).toMatch(/server +ok +runs/)
    await stop()
    await run('backup', '--output-file', path('b'), '--config', config)
    await run('restore', '--from', path('b'), '--data-dir', path('data'), '--force')
    const held = await run('doctor', '--config', config, '--output', 'json')
    expect(held.code).toBe(1)
    expect(JSON.parse(held.stdout)).toMatchObject({ healthy: false })
    expect((await run('doctor', '--config', config)).stdout).toMatch(
      /What to do:\n +issuance \(restore\): .*server resume restore/,
    )
    writeFileSync(config, 'trustDomain: Example.org\n')
    const invalid = await run('doctor', '--config', config)
    expect(invalid).toMatchObject({ code: 1, stdout: expect.stringMatching(/configuration +problem/) })
  })
})
