import { copyFile, readdir, readFile, stat, truncate, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { RecordingLogger } from '../test-support/recording-logger.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { SealedCredentials } from './sealed-credentials.ts'

const OWNER = 'spiffe://example.org/countersign/agent/one'
const content = (savedAt: number) => ({ savedAt, x509: [], wit: [], jwt: [] })

async function start() {
  const folder = await temporaryFolder()
  const log = new RecordingLogger()
  const open = (keyFile?: string) => SealedCredentials.open(folder, keyFile, log)
  const file = join(folder, 'credentials.sealed')
  const loaded = async (owner = OWNER) => (await (await open()).load(owner))?.savedAt
  return { folder, log, open, file, loaded }
}

describe('SealedCredentials', () => {
  it('gives back what was saved last, and says nothing in the clear', async () => {
    const { open, file, loaded, log } = await start()
    expect(await loaded()).toBeUndefined()
    const sealed = await open()
    await sealed.load(OWNER)
    await sealed.save(OWNER, content(1))
    await sealed.save(OWNER, content(2))
    expect(await loaded()).toBe(2)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect((await readFile(file, 'latin1')).includes('savedAt')).toBe(false)
    expect(log.records).toEqual([])
  })

  it('does not open for another agent', async () => {
    const { open, loaded, log } = await start()
    await (await open()).save(OWNER, content(1))
    expect(await loaded(`${OWNER}/other`)).toBeUndefined()
    expect(log.with('stored credentials are damaged or sealed by another key, not used')).toHaveLength(1)
  })

  it.each([
    ['cut short', (file: string) => truncate(file, 50)],
    ['emptied', (file: string) => truncate(file, 0)],
    ['overwritten', (file: string) => writeFile(file, 'nonsense')],
    ['without its key', (file: string) => unlink(join(file, '..', 'seal.key'))],
  ])('counts as absent when it is %s, and is written anew', async (_, damage) => {
    const { open, file, loaded, log } = await start()
    await (await open()).save(OWNER, content(1))
    await damage(file)
    expect(await loaded()).toBeUndefined()
    expect(log.records.map(({ level }) => level)).toEqual(['error'])
    const sealed = await open()
    await sealed.load(OWNER)
    await sealed.save(OWNER, content(2))
    expect(await loaded()).toBe(2)
  })

  it('is not opened when it is older than the last one', async () => {
    const { folder, open, file, loaded, log } = await start()
    const sealed = await open()
    await sealed.save(OWNER, content(1))
    await copyFile(file, join(folder, 'backup'))
    await sealed.save(OWNER, content(2))
    await copyFile(join(folder, 'backup'), file)
    expect(await loaded()).toBeUndefined()
    expect(log.with('stored credentials are older than the last ones, not used')).toHaveLength(1)
  })

  it('is opened when a crash kept the newest from being noted', async () => {
    const { folder, open, loaded } = await start()
    const generation = join(folder, 'credentials.generation')
    const sealed = await open()
    await sealed.save(OWNER, content(1))
    await copyFile(generation, join(folder, 'before'))
    await sealed.save(OWNER, content(2))
    await copyFile(join(folder, 'before'), generation)
    expect(await loaded()).toBe(2)
  })

  it('leaves nothing that opens when it is wiped, not even a copy', async () => {
    const { folder, open, file, loaded } = await start()
    const sealed = await open()
    await sealed.save(OWNER, content(1))
    const generation = join(folder, 'credentials.generation')
    await copyFile(file, join(folder, 'backup'))
    await copyFile(generation, join(folder, 'noted'))
    await sealed.wipe()
    expect(await readdir(folder)).not.toContain('credentials.sealed')
    // With what was noted of it: its key is gone.
    await copyFile(join(folder, 'backup'), file)
    await copyFile(join(folder, 'noted'), generation)
    expect(await loaded()).toBeUndefined()
    await sealed.save(OWNER, content(3))
    expect(await loaded()).toBe(3)
  })

  it('leaves a provided key alone when it is wiped, and refuses the copy by its age', async () => {
    const { folder, open, file, log } = await start()
    const keyFile = join(folder, 'provided')
    await writeFile(keyFile, 'k'.repeat(32), { mode: 0o600 })
    const sealed = await open(keyFile)
    await sealed.save(OWNER, content(1))
    await copyFile(file, join(folder, 'backup'))
    await sealed.wipe()
    await copyFile(join(folder, 'backup'), file)
    expect(await (await open(keyFile)).load(OWNER)).toBeUndefined()
    expect(log.with('stored credentials are older than the last ones, not used')).toHaveLength(1)
    expect(await readdir(folder)).not.toContain('seal.key')
  })
})
