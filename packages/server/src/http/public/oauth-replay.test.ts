/** Assertions that were used stay used, whatever happens to the server and its data. */
import { cp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { restoreBackup } from '../../backup/restore-backup.ts'
import { backupBytes, inPieces } from '../../test-support/backup-of-test-server.ts'
import { temporaryFolder } from '../../test-support/temporary-folder.ts'
import { testConfig } from '../../test-support/test-server.ts'
import { oauthError, startTokenService, type TokenServiceWorld } from '../../test-support/token-service-world.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const STORE = ['server.db', 'server.db-wal', 'server.db-shm']

const onwards = ({ dataDir, clock, clusterKey }: TokenServiceWorld) => startTokenService({ dataDir, clock, clusterKey })

/** A server that has seen an assertion, was stopped and saved, and then saw another. */
async function startWorld(save: (dataDir: string) => Promise<unknown>) {
  const first = await startTokenService()
  const before = first.serviceAccountToken({ jti: 'before' })
  expect((await first.ask(before)).status).toBe(200)
  await first.server.stop()
  await save(first.dataDir)
  const second = await onwards(first)
  expect(oauthError(await second.ask(before))).toBe('401 invalid_client')
  const since = second.serviceAccountToken({ jti: 'since' })
  const unused = second.serviceAccountToken({ jti: 'unused' })
  expect((await second.ask(since)).status).toBe(200)
  await second.server.stop()
  return { world: first, used: { before, since }, unused }
}

/** Neither what was used nor what may have been is taken; what was made since is. */
async function expectFence(test: TokenServiceWorld, tokens: readonly string[], cause: string) {
  const warnings = test.log.lines.filter(({ fields }) => fields['fence'] !== undefined)
  expect(warnings).toMatchObject([{ level: 'warn', fields: { cause } }])
  for (const token of tokens) {
    const reply = await test.ask(token)
    expect(oauthError(reply)).toBe('401 invalid_client')
    expect(reply.body.error_description).toBe('credential may have been used before: a new one is needed')
  }
  // A clock that is half a minute ahead may have made this before the server stopped.
  expect(oauthError(await test.ask(test.serviceAccountToken({ jti: 'soon' })))).toBe('401 invalid_client')
  await test.clock.advance(31)
  const fresh = test.serviceAccountToken({ jti: 'fresh' })
  expect((await test.ask(fresh)).status).toBe(200)
  expect(oauthError(await test.ask(fresh))).toBe('401 invalid_client')
}

describe('an assertion that was used is not taken again', () => {
  it('after a backup was restored that does not know of it', async () => {
    let bytes: Uint8Array = new Uint8Array()
    const { world, used, unused } = await startWorld(async (dataDir) => {
      bytes = await backupBytes(testConfig(dataDir), 1_800_000_000)
    })
    const { dataDir, clock } = world
    await restoreBackup({ source: inPieces(bytes), dataDir, clock, force: true, resume: true })
    const test = await onwards(world)
    await expectFence(test, [used.before, used.since, unused], 'other')
    // Not again with the next start.
    await test.server.stop()
    const next = await onwards(world)
    expect((await next.ask(next.serviceAccountToken({ jti: 'next' }))).status).toBe(200)
    expect(oauthError(await next.ask(used.since))).toBe('401 invalid_client')
  })

  it('after the whole data folder was put back', async () => {
    const saved = await temporaryFolder()
    const copy = (from: string, to: string) =>
      cp(from, to, { recursive: true, filter: (path) => !path.endsWith('.sock') })
    const { world, used, unused } = await startWorld((dataDir) => copy(dataDir, saved))
    await rename(world.dataDir, `${world.dataDir}-broken`)
    await copy(saved, world.dataDir)
    await rm(`${world.dataDir}-broken`, { recursive: true })
    await expectFence(await onwards(world), [used.before, used.since, unused], 'copied')
  })

  it('after an older store was put back beside what was used since', async () => {
    const saved = await temporaryFolder()
    const { world, used, unused } = await startWorld(async (dataDir) => {
      for (const name of STORE) await cp(join(dataDir, name), join(saved, name)).catch(() => {})
    })
    const changed = await onwards(world)
    await changed.attestedAgent()
    await changed.server.stop()
    for (const name of STORE) {
      await rm(join(world.dataDir, name), { force: true })
      await cp(join(saved, name), join(world.dataDir, name)).catch(() => {})
    }
    const test = await onwards(world)
    expect(oauthError(await test.ask(used.since))).toBe('503 temporarily_unavailable')
    await test.admin('/v1/resume', { body: { reason: 'restore' } })
    await expectFence(test, [used.before, used.since, unused], 'other')
  })

  it('after the files that remember it were deleted', async () => {
    const { world, used, unused } = await startWorld(async () => {})
    await rm(join(world.dataDir, 'used-tokens'), { recursive: true })
    await expectFence(await onwards(world), [used.before, used.since, unused], 'lost')
  })
})
