/** The disk, the clock and the keys fail under a server: it says so, loses nothing, and goes on by itself. */
import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type DrivenServer, ServerFolder } from './support/driven-server.ts'
import type { Reply } from './support/http.ts'
import { NodeClient } from './support/node-client.ts'
import { countersign } from './support/program.ts'

const DAY = 86_400
const isRoot = process.getuid?.() === 0
// Elsewhere nothing makes a disk full, or read-only, for one process; the titles say what each needs.
const canLimit = spawnSync('prlimit', ['--version']).status === 0
const canMount = isRoot && spawnSync('unshare', ['-m', 'true']).status === 0

let folder: ServerFolder
beforeEach(() => {
  folder = new ServerFolder()
})
afterEach(() => folder.remove())

const code = ({ status, body }: Reply) => `${status} ${body?.code ?? ''}`.trim()
const newEntry = (name: string, parentId = 'spiffe://example.org/countersign/agent/nobody') => ({
  spiffeId: `spiffe://example.org/${name}`,
  parentId,
  selectors: [{ type: 'unix', value: `uid:${name}` }],
})
const namesOf = async ({ admin }: DrivenServer): Promise<string[]> =>
  (await admin('/v1/entries')).body.entries.map(({ spiffeId }: { spiffeId: string }) => spiffeId.split('/').at(-1))

async function attested(server: DrivenServer): Promise<NodeClient> {
  const { token } = (await server.admin('/v1/join-tokens', {})).body
  const client = new NodeClient(server.machineUrl)
  expect((await client.attest(token)).status).toBe(200)
  return client
}

/** Nothing can be written, then it can again. */
async function survivesFullDisk(server: DrivenServer, fill: () => void, makeRoom: () => void, key: string) {
  const node = await attested(server)
  const entry = (await server.admin('/v1/entries', newEntry('before', node.agentId))).body
  const { token } = (await server.admin('/v1/join-tokens', {})).body
  fill()
  const acknowledged = ['before']
  // What is left of a block may take some of them.
  for (let number = 0; number < 200; number++) {
    const reply = await server.admin('/v1/entries', { ...newEntry(`full${number}`), hint: 'x'.repeat(1000) })
    if (reply.status === 201) acknowledged.push(`full${number}`)
    else expect(code(reply)).toBe('503 ERR_STORE_UNWRITABLE')
  }
  expect(acknowledged.length).toBeLessThan(200)
  // What was never recorded is not handed out; what need not be recorded is.
  expect(code(await node.issueX509([entry.id]))).toBe('503 ERR_STORE_UNWRITABLE')
  expect((await node.call('/v1/agent/jwt-svids', { entryId: entry.id, audience: ['a'] })).status).toBe(200)
  const late = new NodeClient(server.machineUrl)
  expect(code(await late.attest(token))).toBe('503 ERR_STORE_UNWRITABLE')
  expect(code(await server.admin('/v1/authorities/prepare', { kind: 'wit' }))).toBe(key)
  expect(code(await server.admin('/v1/nodes/ban', { agentId: node.agentId }))).toBe('503 ERR_STORE_UNWRITABLE')
  expect((await node.call('/v1/agent/sync')).status).toBe(200)
  expect(await namesOf(server)).toEqual(acknowledged)

  makeRoom()
  expect((await server.admin('/v1/entries', newEntry('after'))).status).toBe(201)
  expect((await node.issueX509([entry.id])).status).toBe(200)
  expect((await late.attest(token)).status).toBe(200)
  expect((await server.admin('/v1/authorities/prepare', { kind: 'wit' })).status).toBe(200)
  expect(await namesOf(server)).toEqual([...acknowledged, 'after'])
  const { findings } = (await server.admin('/v1/checks')).body
  expect(findings.filter(({ status }: { status: string }) => status === 'problem')).toEqual([])
  return [...acknowledged, 'after']
}

describe('disk', () => {
  it.skipIf(!canLimit)(
    'that takes nothing more (needs prlimit): writes are refused with the reason, reading goes on, and it goes on by itself',
    async () => {
      const server = await folder.start()
      const limit = (size: string) => {
        const { pid } = server.program
        expect(spawnSync('prlimit', ['--pid', String(pid), `--fsize=${size}:unlimited`]).status).toBe(0)
      }
      const names = await survivesFullDisk(
        server,
        () => limit('0'),
        () => limit('unlimited'),
        '503 ERR_KEY_MANAGER_UNWRITABLE',
      )
      await server.program.kill()
      const next = await folder.start()
      expect(await next.ready()).toBe(200)
      expect(await namesOf(next)).toEqual(names)
    },
  )

  it.skipIf(!canMount)('that is full for real (needs root: a small file system of its own): the same', async () => {
    const mountPoint = join(folder.folder, 'small')
    await folder.remove()
    folder = new ServerFolder('', mountPoint)
    const wrapper = (command: readonly string[]) => {
      const mount = 'mount -t tmpfs -o size=4m,mode=700 none "$0" && exec "$@"'
      return ['unshare', '-m', 'sh', '-c', mount, folder.dataDir, ...command]
    }
    const server = await folder.start({ wrapper })
    const filler = `/proc/${server.program.pid}/root${folder.dataDir}/filler`
    const fill = () => {
      const file = openSync(filler, 'w')
      try {
        for (;;) writeSync(file, Buffer.alloc(4096))
      } catch (error) {
        expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC')
      } finally {
        closeSync(file)
      }
    }
    await survivesFullDisk(server, fill, () => rmSync(filler), '503 ERR_KEY_MANAGER_UNWRITABLE')
  })

  it.skipIf(!canMount)(
    'that is read-only at the start (needs root: a mount): the server says so and changes nothing',
    async () => {
      const server = await folder.start()
      await server.admin('/v1/entries', newEntry('kept'))
      await server.program.stop()
      const readOnly = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
      const wrapper = (command: readonly string[]) => [
        'unshare',
        '-m',
        'sh',
        '-c',
        readOnly,
        folder.dataDir,
        ...command,
      ]
      const refused = await folder.spawn({ wrapper }).finished()
      expect(refused.stderr).toContain('ERR_STORE_UNWRITABLE')
      expect(await namesOf(await folder.start())).toEqual(['kept'])
    },
  )

  it.skipIf(!isRoot)(
    'that becomes read-only under the server (needs root: chattr): writes are refused, reading goes on',
    async (test) => {
      const server = await folder.start()
      await server.admin('/v1/entries', newEntry('before'))
      const files = readdirSync(folder.dataDir)
        .filter((name) => name.startsWith('server.db') || name === 'high-water')
        .map((name) => join(folder.dataDir, name))
      const set = (flag: string) => spawnSync('chattr', [flag, ...files]).status === 0
      if (!set('+i')) return test.skip('this file system has no immutable files')
      try {
        expect(code(await server.admin('/v1/entries', newEntry('during')))).toBe('503 ERR_STORE_UNWRITABLE')
        expect(await namesOf(server)).toEqual(['before'])
      } finally {
        set('-i')
      }
      expect((await server.admin('/v1/entries', newEntry('after'))).status).toBe(201)
      expect(await namesOf(server)).toEqual(['before', 'after'])
    },
  )

  it('with a damaged page: whoever needs it is told, others are answered; a restart refuses and names the way back', async () => {
    const first = await folder.start()
    for (let batch = 0; batch < 40; batch++) {
      const { revision } = (await first.admin('/v1/status')).body
      const create = Array.from({ length: 150 }, (_, index) => ({
        ...newEntry(`e${batch}-${index}`),
        hint: 'h'.repeat(900),
      }))
      expect((await first.admin('/v1/entries/batch', { revision, create })).status).toBe(200)
    }
    await first.program.stop()
    const server = await folder.start()
    const path = join(folder.dataDir, 'server.db')
    const { size } = statSync(path)
    const file = openSync(path, 'r+')
    // Far more than SQLite keeps in memory, and nothing of the first pages.
    writeSync(file, Buffer.alloc(Math.floor(size / 2), 0x5a), 0, Math.floor(size / 2), Math.floor(size / 8192) * 4096)
    closeSync(file)
    expect(code(await server.admin('/v1/entries'))).toBe('503 ERR_STORE_CORRUPT')
    expect((await server.admin('/v1/status')).status).toBe(200)
    expect(await server.ready()).toBe(503)
    const { findings } = (await server.admin('/v1/checks')).body
    expect(findings).toContainEqual(expect.objectContaining({ check: 'store', status: 'problem' }))
    await server.program.kill()
    const refused = await countersign(['server', 'run', '--config', folder.config])
    expect(refused.exitCode).toBe(1)
    expect(refused.stderr).toMatch(/ERR_STORE_CORRUPT[\s\S]*countersign server restore/)
    const doctor = await countersign(['server', 'doctor', '--config', folder.config])
    expect(doctor.exitCode).toBe(1)
    expect(doctor.stdout).toMatch(/store +problem/)
  })
})

describe('keys', () => {
  it('that ended while the server was away: it makes new ones by itself, and nodes attest again', async () => {
    const past = await folder.start({ clockOffset: -3 * DAY })
    const node = await attested(past)
    await past.program.stop()
    const server = await folder.start()
    expect(await server.ready()).toBe(200)
    const { authorities } = (await server.admin('/v1/authorities')).body
    expect(authorities.map(({ kind, state }: { kind: string; state: string }) => `${kind} ${state}`).sort()).toEqual([
      'jwt active',
      'wit active',
      'x509 active',
    ])
    expect(code(await new NodeClient(server.machineUrl, node.tls).call('/v1/agent/sync'))).toBe(
      '403 ERR_NODE_CERTIFICATE',
    )
    const again = await attested(server)
    expect((await again.call('/v1/agent/sync')).status).toBe(200)
  })
})

describe('clock', () => {
  it.each([
    ['an hour behind', -3600],
    ['two years ahead', 730 * DAY],
    ['in 1970', -Math.floor(Date.now() / 1000)],
  ])(
    '%s at the start: nothing is signed or removed, everyone is told why, and the right clock is enough',
    async (_, clockOffset) => {
      const first = await folder.start()
      const node = await attested(first)
      const entry = (await first.admin('/v1/entries', newEntry('kept', node.agentId))).body
      const known = (await first.admin('/v1/authorities')).body
      await first.program.stop()
      const wrong = await folder.start({ clockOffset })
      expect(await wrong.ready()).toBe(503)
      expect(code(await new NodeClient(wrong.machineUrl, node.tls).call('/v1/agent/sync'))).toBe('503 ERR_HOLD_CLOCK')
      expect(code(await wrong.admin('/v1/authorities/prepare', { kind: 'x509' }))).toBe('503 ERR_HOLD_CLOCK')
      expect((await wrong.admin('/v1/status')).body.holds).toMatchObject([{ reason: 'clock' }])
      expect(wrong.program.log.some(({ level, code: held }) => level === 'error' && held === 'ERR_HOLD_CLOCK')).toBe(
        true,
      )
      expect((await wrong.admin('/v1/authorities')).body).toEqual(known)
      expect(await namesOf(wrong)).toEqual(['kept'])
      await wrong.program.stop()
      const right = await folder.start()
      expect(await right.ready()).toBe(200)
      expect((await new NodeClient(right.machineUrl, node.tls).issueX509([entry.id])).status).toBe(200)
    },
  )
})
