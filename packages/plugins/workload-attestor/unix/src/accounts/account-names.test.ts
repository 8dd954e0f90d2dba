import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Logger, silentLogger } from '@countersign/plugin-kit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AccountNames, parseAccounts } from './account-names.ts'

describe('parseAccounts', () => {
  it('takes passwd and group lines', () => {
    expect([...parseAccounts('root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:\n')]).toEqual([
      [0, 'root'],
      [1000, 'alice'],
    ])
    expect([...parseAccounts('sudo:x:27:alice,bob\nstaff:x:50:\n')]).toEqual([
      [27, 'sudo'],
      [50, 'staff'],
    ])
  })

  it('gives an id its first name', () => {
    expect(parseAccounts('root:x:0:0:::\ntoor:x:0:0:::\n').get(0)).toBe('root')
  })

  it('takes a last line without line break', () => {
    expect(parseAccounts('a:x:1:').get(1)).toBe('a')
  })

  it.each([
    '# comment:x:5:5',
    ':x:5:5',
    'a b:x:5:5',
    'a\u0000:x:5:5',
    'é:x:5:5',
    '-a:x:5:5',
    'a:x::5',
    'a:x:-5:5',
    'a:x:05:5',
    'a:x:5x:5',
    'a:x:99999999999:5',
    'a:x:5',
    '+::::::',
    '',
  ])('skips %j', (line) => {
    expect(parseAccounts(`${line}\n`).size).toBe(0)
  })
})

describe('AccountNames', () => {
  let folder: string
  let path: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'accounts-'))
    path = join(folder, 'passwd')
  })
  afterEach(() => rm(folder, { recursive: true }))

  async function replace(content: string): Promise<void> {
    await writeFile(join(folder, 'new'), content)
    await rename(join(folder, 'new'), path)
  }

  it('follows changes of its file', async () => {
    await replace('alice:x:1000:1000::/:\n')
    const names = new AccountNames(path, silentLogger)
    expect(await names.nameOf(1000)).toBe('alice')
    expect(await names.nameOf(1001)).toBe(undefined)
    await replace('bob:x:1000:1000::/:\n')
    expect(await names.nameOf(1000)).toBe('bob')
  })

  it('knows nobody without its file, says so once, and recovers', async () => {
    const warnings: string[] = []
    const log: Logger = { ...silentLogger, warn: (_, message) => void warnings.push(message) }
    const names = new AccountNames(path, log)
    expect([await names.nameOf(0), await names.nameOf(0)]).toEqual([undefined, undefined])
    expect(warnings).toEqual(['account file cannot be read, its names are unknown'])
    await replace('root:x:0:0::/:\n')
    expect(await names.nameOf(0)).toBe('root')
    await rm(path)
    expect(await names.nameOf(0)).toBe(undefined)
  })

  it('reads no more than 4 MiB, whole lines only', async () => {
    const warnings: string[] = []
    const log: Logger = { ...silentLogger, warn: (_, message) => void warnings.push(message) }
    const line = `filler:x:77:${'f'.repeat(4_194_304 - 40)}\n`
    await replace(`${line}alice:x:1000:1000:${'g'.repeat(100)}\nbob:x:1001:1001::/:\n`)
    const names = new AccountNames(path, log)
    expect([await names.nameOf(77), await names.nameOf(1001)]).toEqual(['filler', undefined])
    expect(warnings).toEqual(['account file is too large, names after the limit are unknown'])
  })
})
