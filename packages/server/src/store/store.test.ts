import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { chmod, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expectCode, FakeClock } from '@countersign/testing'
import { sql } from 'kysely'
import { describe, expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { temporaryStore } from '../test-support/temporary-store.ts'
import type { StoreChange } from './change-feed.ts'
import { Store } from './store.ts'

const clock = new FakeClock()

async function readLog(store: Store) {
  return store.read((snapshot) => snapshot.selectFrom('change_log').selectAll().orderBy('revision').execute())
}

describe('Store.open', () => {
  it('creates a file that only its owner can read', async () => {
    const { path } = await temporaryStore()
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('takes permissions of others away from an existing file', async () => {
    const { path, store } = await temporaryStore()
    await store.close()
    await chmod(path, 0o644)
    const again = Store.open(path, clock)
    onTestFinished(() => again.close())
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('keeps what was written', async () => {
    const { path, store } = await temporaryStore()
    await store.change((change) => change.record('entry.created', 'a'))
    await store.close()
    const again = Store.open(path, clock)
    onTestFinished(() => again.close())
    expect(await again.revision()).toBe(1)
  })

  it('refuses a second opener in this process', async () => {
    const { path } = await temporaryStore()
    await expectCode(() => Store.open(path, clock), 'ERR_STORE_LOCKED')
  })

  it('refuses every other process, even to read', async () => {
    const { path } = await temporaryStore()
    const script = `
      const { DatabaseSync } = require('node:sqlite')
      const database = new DatabaseSync(process.argv[1])
      try { database.prepare('SELECT * FROM revision').get(); console.log('read') } catch (error) { console.log(error.errcode) }`
    const { stdout } = spawnSync(process.execPath, ['-e', script, path], { encoding: 'utf8' })
    expect(stdout.trim()).toBe('5')
  })

  it('refuses a file that is no database, and leaves it as it was', async () => {
    const path = join(await temporaryFolder(), 'server.db')
    await writeFile(path, 'these are my notes, not a database\n'.repeat(100))
    await expectCode(() => Store.open(path, clock), 'ERR_STORE_CORRUPT')
    expect(await readFile(path, 'utf8')).toBe('these are my notes, not a database\n'.repeat(100))
  })

  it('refuses a database of another program, and leaves it as it was', async () => {
    const path = join(await temporaryFolder(), 'server.db')
    const other = new DatabaseSync(path)
    other.exec('CREATE TABLE bookmarks (url TEXT)')
    other.close()
    const before = await readFile(path)
    await expectCode(() => Store.open(path, clock), 'ERR_STORE_CORRUPT')
    expect(await readFile(path)).toEqual(before)
  })

  it('refuses a damaged database', async () => {
    const { path, store } = await temporaryStore()
    await store.change(async (change) => {
      for (let index = 0; index < 200; index++) await change.record('entry.created', `entry ${index}`.repeat(20))
    })
    await store.close()
    const bytes = await readFile(path)
    bytes.fill(0x5a, 4096, bytes.length - 4096)
    await writeFile(path, bytes)
    await expectCode(() => Store.open(path, clock), 'ERR_STORE_CORRUPT')
    expect(await readFile(path)).toEqual(bytes)
  })

  it('refuses a schema of a later version, and leaves it as it was', async () => {
    const { path, store } = await temporaryStore()
    await store.close()
    const later = new DatabaseSync(path)
    later.exec('PRAGMA user_version = 999')
    later.close()
    const before = await readFile(path)
    await expectCode(() => Store.open(path, clock), 'ERR_STORE_SCHEMA_NEWER')
    expect(await readFile(path)).toEqual(before)
  })

  it('refuses a folder that is not there or a path that is a folder', async () => {
    const folder = await temporaryFolder()
    await expectCode(() => Store.open(join(folder, 'absent', 'server.db'), clock), 'ERR_STORE_UNWRITABLE')
    await mkdir(join(folder, 'server.db'))
    await expectCode(() => Store.open(join(folder, 'server.db'), clock), 'ERR_STORE_UNWRITABLE')
  })
})

describe('Store.change', () => {
  it('numbers changes without gaps in commit order, whatever order they start in', async () => {
    const { store } = await temporaryStore()
    const announced: StoreChange[] = []
    store.feed.subscribe((change) => announced.push(change))
    const revisions = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        store.change(async (change) => {
          // Unequal work, so that transactions would interleave if they could.
          for (let turn = 0; turn < (index * 7) % 5; turn++) await new Promise((resolve) => setImmediate(resolve))
          return change.record('entry.created', `entry ${index}`)
        }),
      ),
    )
    expect([...revisions].sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1))
    const log = await readLog(store)
    expect(log.map((line) => line.revision)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1))
    expect(announced.map(({ revision, subject }) => ({ revision, subject }))).toEqual(
      log.map(({ revision, subject }) => ({ revision, subject })),
    )
  })

  it('leaves no trace of a change that fails, and announces nothing', async () => {
    const { store } = await temporaryStore()
    const announced: StoreChange[] = []
    store.feed.subscribe((change) => announced.push(change))
    const failing = store.change(async (change) => {
      await change.record('entry.created', 'a')
      throw new Error('stop')
    })
    await expect(failing).rejects.toThrow('stop')
    expect(await store.revision()).toBe(0)
    expect(await readLog(store)).toEqual([])
    expect(announced).toEqual([])
  })

  it('survives a crash: what was acknowledged is there, what was not is not', async () => {
    const { path, store } = await temporaryStore()
    await store.change((change) => change.record('entry.created', 'acknowledged'))
    const crashed = join(await temporaryFolder(), 'server.db')
    await store.change(async (change) => {
      await change.record('entry.created', 'in flight')
      // The files as a power cut would leave them at this instant.
      await copyFile(path, crashed)
      await copyFile(`${path}-wal`, `${crashed}-wal`)
    })
    const recovered = Store.open(crashed, clock)
    onTestFinished(() => recovered.close())
    expect((await readLog(recovered)).map((line) => line.subject)).toEqual(['acknowledged'])
  })

  it('reports a full disk, keeps what was stored and works again when there is room', async () => {
    const { store } = await temporaryStore()
    await store.change((change) => change.record('entry.created', 'before'))
    await store.note((db) => sql`PRAGMA max_page_count = 1`.execute(db))
    const filling = store.change(async (change) => {
      for (let index = 0; index < 500; index++) await change.record('entry.created', `${index}`.repeat(50))
    })
    await expectCode(filling, 'ERR_STORE_UNWRITABLE')
    expect((await readLog(store)).map((line) => line.subject)).toEqual(['before'])
    await store.note((db) => sql`PRAGMA max_page_count = 1000000`.execute(db))
    expect(await store.change((change) => change.record('entry.created', 'after'))).toBe(2)
  })

  it('is refused after close, and close waits for the change that runs', async () => {
    const { store } = await temporaryStore()
    const running = store.change((change) => change.record('entry.created', 'a'))
    await Promise.all([running, store.close()])
    await expect(store.revision()).rejects.toThrow()
  })

  it('goes on announcing when a listener ends its subscription', async () => {
    const { store } = await temporaryStore()
    const seen: string[] = []
    const end = store.feed.subscribe(() => end())
    store.feed.subscribe((change) => seen.push(change.subject))
    await store.change((change) => change.record('entry.created', 'a'))
    await store.change((change) => change.record('entry.created', 'b'))
    expect(seen).toEqual(['a', 'b'])
  })
})
