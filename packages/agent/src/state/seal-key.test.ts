import { randomBytes } from 'node:crypto'
import { chmod, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { makeOwnSeal, openOwnSeal, openProvidedSeal } from './seal-key.ts'

const context = { purpose: 'test', owner: 'me' }
const unusable = (reason: string) =>
  expect.objectContaining({ code: 'ERR_AGENT_SEAL_KEY', detail: expect.stringContaining(reason) })

async function provide(content: Uint8Array, mode = 0o600) {
  const path = join(await temporaryFolder(), 'key')
  await writeFile(path, content)
  await chmod(path, mode)
  return path
}

describe("the agent's own seal key", () => {
  it('is made once, for its owner alone', async () => {
    const folder = await temporaryFolder()
    const sealed = (await openOwnSeal(folder)).seal(Buffer.from('x'), context)
    expect((await openOwnSeal(folder)).unseal(sealed, context)).toEqual(Buffer.from('x'))
    const { mode, size } = await stat(join(folder, 'seal.key'))
    expect([mode & 0o777, size]).toEqual([0o600, 32])
  })

  it('opens nothing any more once it is replaced', async () => {
    const folder = await temporaryFolder()
    const sealed = (await openOwnSeal(folder)).seal(Buffer.from('x'), context)
    expect((await makeOwnSeal(folder)).unseal(sealed, context)).toBeUndefined()
    expect((await openOwnSeal(folder)).unseal(sealed, context)).toBeUndefined()
  })

  it('is not used when others could read it or it is not a file of its own', async () => {
    const folder = await temporaryFolder()
    await openOwnSeal(folder)
    await chmod(join(folder, 'seal.key'), 0o640)
    await expect(openOwnSeal(folder)).rejects.toEqual(unusable('other users'))
    const linked = await temporaryFolder()
    await symlink(join(folder, 'seal.key'), join(linked, 'seal.key'))
    await expect(openOwnSeal(linked)).rejects.toEqual(unusable('ELOOP'))
  })
})

describe('a seal key that is provided', () => {
  it('is read and left alone, as systemd hands it out too', async () => {
    const key = randomBytes(64)
    for (const mode of [0o600, 0o400, 0o440]) {
      const path = await provide(key, mode)
      await openProvidedSeal(path)
      expect(await readFile(path)).toEqual(key)
    }
  })

  it.each([
    ['is too short', randomBytes(31), 0o600, '31 octets'],
    ['is too long to be one', randomBytes(4097), 0o600, '4097 octets'],
    ['can be read by anyone', randomBytes(32), 0o604, 'other users'],
    ['can be changed by a group', randomBytes(32), 0o620, 'other users'],
  ])('is refused when it %s', async (_, content, mode, reason) => {
    await expect(openProvidedSeal(await provide(content, mode))).rejects.toEqual(unusable(reason))
  })

  it('is refused when it is not there', async () => {
    await expect(openProvidedSeal(join(await temporaryFolder(), 'none'))).rejects.toEqual(unusable('does not exist'))
  })
})
