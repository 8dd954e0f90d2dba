import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { holdsPrivateKey, pemCertificates, privateKeyPem } from './pem.ts'
import { readFileLimited } from './read-input.ts'
import { readJsonFile } from './read-json.ts'
import { writeFiles } from './write-files.ts'

describe('readFileLimited', () => {
  it('reads a file up to the limit', async () => {
    const path = join(await temporaryFolder(), 'a')
    await writeFile(path, '12345')
    expect((await readFileLimited(path, 5)).toString()).toBe('12345')
    await expect(readFileLimited(path, 4)).rejects.toMatchObject({ code: 'ERR_CLI_FILE_TOO_LARGE' })
  })

  it('tells a missing file from one that cannot be read', async () => {
    const folder = await temporaryFolder()
    await expect(readFileLimited(join(folder, 'none'), 10)).rejects.toMatchObject({ code: 'ERR_CLI_FILE_NOT_FOUND' })
    await expect(readFileLimited(folder, 10)).rejects.toMatchObject({ code: 'ERR_CLI_FILE_UNREADABLE' })
  })
})

describe('readJsonFile', () => {
  it.each(['{', '\ufffe{}', ''])('refuses what is not JSON: %j', async (text) => {
    const path = join(await temporaryFolder(), 'a.json')
    await writeFile(path, text)
    await expect(readJsonFile(path, 100)).rejects.toMatchObject({ code: 'ERR_CLI_FILE_MALFORMED' })
  })

  it.each([
    ['two members of one name', '{"keys":[],"keys":[{}]}', 'JSON object has two members of one name'],
    ['two at a depth', '{"keys":[{"kid":"a","kid":"b"}]}', 'JSON object has two members of one name'],
    ['a list', '[]', 'JSON text is not an object'],
    ['too deep nesting', `${'{"a":'.repeat(20)}1${'}'.repeat(20)}`, 'JSON is nested too deeply'],
  ])('refuses %s', async (_, text, problem) => {
    const path = join(await temporaryFolder(), 'a.json')
    await writeFile(path, text)
    await expect(readJsonFile(path, 1000)).rejects.toMatchObject({
      code: 'ERR_CLI_FILE_MALFORMED',
      message: `file ${path} cannot be used: ${problem}`,
    })
  })
})

describe('writeFiles', () => {
  const key = { name: 'key.pem', text: 'new', isPrivate: true }

  it('makes a private file readable by its owner only, whatever stood there before', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'key.pem'), 'old')
    await chmod(join(folder, 'key.pem'), 0o666)
    const [path = ''] = await writeFiles(folder, [key])
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readFile(path, 'utf8')).toBe('new')
    expect(await readdir(folder)).toEqual(['key.pem'])
  })

  it('creates the folder', async () => {
    const folder = join(await temporaryFolder(), 'a', 'b')
    expect(await writeFiles(folder, [key])).toEqual([join(folder, 'key.pem')])
  })

  it('leaves no draft behind when it fails', async () => {
    const folder = await temporaryFolder()
    await mkdir(join(folder, 'key.pem'))
    await expect(writeFiles(folder, [key])).rejects.toMatchObject({ code: 'ERR_CLI_FILE_NOT_WRITABLE' })
    expect(await readdir(folder)).toEqual(['key.pem'])
  })
})

describe('pem', () => {
  it('wraps a private key and recognises it', () => {
    const pem = privateKeyPem(new Uint8Array(60))
    expect(pem.split('\n').map((line) => line.length)).toEqual([27, 64, 16, 25, 0])
    expect(holdsPrivateKey(pem)).toBe(true)
    expect(holdsPrivateKey('-----BEGIN EC PRIVATE KEY-----')).toBe(true)
    expect(holdsPrivateKey('-----BEGIN PUBLIC KEY-----')).toBe(false)
  })

  it('takes certificates and passes over the text around them', () => {
    const block = (base64: string) => `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`
    expect(pemCertificates(`leaf:\n${block('AQID')}issuer:\n${block('BAUG')}`).map((der) => [...der])).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ])
  })
})
