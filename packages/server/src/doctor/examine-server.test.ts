import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Finding } from '@countersign/api'
import { FakeClock } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import { formatHighWater } from '../recovery/high-water-mark.ts'
import { createEntry } from '../test-support/machine-requests.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { startTestServer, testConfig } from '../test-support/test-server.ts'
import { examineServer } from './examine-server.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

const refuse = () => Promise.reject(new TypeError('nobody was to be asked'))

/** A server that is stopped, and what is found when something is done to its files. */
async function stopped() {
  const clock = new FakeClock()
  const test = await startTestServer({ clock })
  const agent = await test.attestedAgent('/one')
  await createEntry(test, agent)
  await test.server.stop()
  const { dataDir } = test
  const path = (...names: string[]) => join(dataDir, ...names)
  const examine = (now = clock.now()) => examineServer(testConfig(dataDir), { now, askRunning: refuse })
  return { clock, dataDir, path, examine, database: () => new DatabaseSync(path('server.db')) }
}

const bad = (findings: readonly Finding[]) =>
  findings.filter(({ status }) => status === 'problem' || status === 'warning')

describe('doctor on a stopped server', () => {
  it('finds nothing wrong with a healthy one, and changes nothing', async () => {
    const { examine, dataDir, path } = await stopped()
    const before = [await readdir(dataDir), await readFile(path('server.db'))]
    const findings = await examine()
    expect(bad(findings)).toEqual([])
    expect(findings.map(({ check }) => check.replace(/[0-9a-f]{32}/, 'N'))).toEqual([
      ...[
        'configuration',
        'data folder',
        'disk space',
        'temporary files',
        'web root',
        'admin socket',
        'server',
        'store',
      ],
      ...['schema', 'high-water mark', 'clock', 'authority jwt-N', 'authority wit-N', 'authority x509-N'],
    ])
    expect((await readdir(dataDir)).filter((name) => !/-(wal|shm)$/.test(name))).toEqual(before[0])
    expect(await readFile(path('server.db'))).toEqual(before[1])
  })

  it('finds nothing wrong with one that never ran', async () => {
    const dataDir = join(await temporaryFolder(), 'new')
    const findings = await examineServer(testConfig(dataDir), { now: 1_800_000_000, askRunning: refuse })
    expect(findings.filter(({ status }) => status === 'problem')).toEqual([])
  })

  type World = Awaited<ReturnType<typeof stopped>>
  const key = async ({ path }: World) =>
    path('keys', (await readdir(path('keys'))).find((name) => name.startsWith('wit')) ?? '')
  const faults: [string, string, Finding['status'], RegExp, (world: World) => Promise<unknown> | unknown][] = [
    ['a folder others can write to', 'data folder', 'problem', /chmod 700/, ({ dataDir }) => chmod(dataDir, 0o777)],
    ['a folder others can read', 'data folder', 'warning', /chmod 700/, ({ dataDir }) => chmod(dataDir, 0o755)],
    [
      'a system that stopped before the server did',
      'used tokens',
      'warning',
      /clients make new ones/,
      ({ database }) => database().exec("INSERT INTO used_token_files (id, name) VALUES (1, 'a')"),
    ],
    [
      'a key of the web root others can read',
      'web root',
      'problem',
      /chmod 600/,
      ({ path }) => chmod(path('public-root-key.pem'), 0o644),
    ],
    ['what a backup left', 'temporary files', 'warning', /removes/, ({ path }) => mkdir(path('.backup-abc123'))],
    [
      'a half-written file',
      'temporary files',
      'warning',
      /removes/,
      ({ path }) => writeFile(path('public-root.pem.01234567-89ab-cdef-0123-456789abcdef.new'), ''),
    ],
    [
      'a restore that was cut short',
      'restore',
      'problem',
      /again/,
      async ({ path }) => {
        await mkdir(path('.restoring'))
        await writeFile(path('.restoring', 'ready'), '{}')
      },
    ],
    ['a missing key', 'authority wit-N', 'problem', /another/, async (world) => rm(await key(world))],
    [
      'a damaged key',
      'authority wit-N',
      'problem',
      /restore/,
      async (world) => writeFile(await key(world), '{}', { mode: 0o600 }),
    ],
    [
      'a key under the name of another',
      'authority wit-N',
      'problem',
      /another/,
      async (world) => {
        const path = await key(world)
        const other = (await readdir(world.path('keys'))).find((name) => name.startsWith('jwt')) ?? ''
        const [one, two] = [
          JSON.parse(await readFile(path, 'utf8')),
          JSON.parse(await readFile(world.path('keys', other), 'utf8')),
        ]
        await writeFile(path, JSON.stringify({ ...one, pkcs8: two.pkcs8 }))
      },
    ],
    [
      'a key of nobody',
      'signing key',
      'warning',
      /removes/,
      async (world) => {
        const file = JSON.parse(await readFile(await key(world), 'utf8'))
        const kid = `wit-${'0'.repeat(32)}`
        await writeFile(world.path('keys', `${kid}.json`), JSON.stringify({ ...file, kid }), { mode: 0o600 })
      },
    ],
    ['no mark', 'high-water mark', 'warning', /makes it/, ({ path }) => rm(path('high-water'))],
    [
      'a store behind its mark',
      'high-water mark',
      'problem',
      /newer backup/,
      ({ path }) => writeFile(path('high-water'), formatHighWater({ revision: 9999, reserved: 9999, time: 0 })),
    ],
    ['a damaged mark', 'store and keys', 'problem', /set right/, ({ path }) => writeFile(path('high-water'), 'x')],
    [
      'no active key of a kind',
      'x509 authority',
      'warning',
      /makes one/,
      ({ database }) => database().exec("UPDATE authorities SET state = 'retired' WHERE kind = 'x509'"),
    ],
    [
      'a key that has ended',
      'authority jwt-N',
      'warning',
      /replaces/,
      ({ database }) => database().exec("UPDATE authorities SET not_after = 10 WHERE kind = 'jwt'"),
    ],
    [
      'a key of the future',
      'authority jwt-N',
      'problem',
      /clock/,
      ({ database }) =>
        database().exec("UPDATE authorities SET not_before = 4000000000, not_after = 4000000100 WHERE kind = 'jwt'"),
    ],
    [
      'a hold',
      'issuance (restore)',
      'problem',
      /resume restore/,
      ({ database }) => database().exec("UPDATE recovery SET held_since = 1, cause = 'restored'"),
    ],
    [
      'a newer schema',
      'schema',
      'problem',
      /newer version/,
      ({ database }) => database().exec('PRAGMA user_version = 9999'),
    ],
    ['an older schema', 'schema', 'warning', /back up/, ({ database }) => database().exec('PRAGMA user_version = 2')],
    [
      'a damaged page',
      'store',
      'problem',
      /server restore/,
      async ({ path }) => {
        const bytes = await readFile(path('server.db'))
        await writeFile(path('server.db'), bytes.fill(0x5a, 8192, 12_000))
      },
    ],
    [
      'a file that is no store',
      'store',
      'problem',
      /server restore/,
      ({ path }) => writeFile(path('server.db'), 'x'.repeat(9000)),
    ],
  ]
  it.each(faults)('names %s, and what to do', async (_, check, status, next, damage) => {
    const world = await stopped()
    await damage(world)
    const found = bad(await world.examine()).map((each) => ({
      ...each,
      check: each.check.replace(/[0-9a-f]{32}/, 'N'),
    }))
    expect(found).toContainEqual({ check, status, message: expect.any(String), next: expect.stringMatching(next) })
    expect(found.filter((each) => each.status === 'problem' && each.check !== check)).toEqual([])
  })

  it('names a clock that cannot be right', async () => {
    const { examine, clock } = await stopped()
    for (const now of [0, clock.now() - 3600, clock.now() + 400 * 86_400]) {
      expect((await examine(now)).find(({ check }) => check === 'clock')).toMatchObject({
        status: 'problem',
        next: expect.stringContaining('resume clock'),
      })
    }
  })
})

describe('doctor on a running server', () => {
  it('asks it about its data', async () => {
    const { dataDir, admin, clock } = await startTestServer()
    const askRunning = async () => (await admin('/v1/checks')).body.findings as Finding[]
    const findings = await examineServer(testConfig(dataDir), { now: clock.now(), askRunning })
    expect(bad(findings)).toEqual([])
    expect(findings).toContainEqual({ check: 'server', status: 'ok', message: 'runs' })
    expect(findings).toContainEqual(expect.objectContaining({ check: 'store', status: 'ok' }))
  })

  it('says so when it does not answer', async () => {
    const { dataDir, clock } = await startTestServer()
    const findings = await examineServer(testConfig(dataDir), { now: clock.now(), askRunning: refuse })
    expect(bad(findings)).toMatchObject([
      { check: 'server', status: 'problem', next: expect.stringContaining('fuser') },
    ])
  })
})
