import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readSecretFile, readSecretLine } from './secret-file.ts'

let folder: string
let path: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'secret-file-'))
  path = join(folder, 'secret')
})
afterEach(() => rmSync(folder, { recursive: true }))

function put(content: string | Uint8Array, mode = 0o600): void {
  writeFileSync(path, content)
  chmodSync(path, mode)
}
const refusal = (code: string, message: string) => expect.objectContaining({ name: 'KeyManagerError', code, message })

describe('readSecretFile', () => {
  it('returns every byte', () => {
    put(Uint8Array.of(0, 10, 13, 10))
    expect([...readSecretFile(path, 'key file')]).toEqual([0, 10, 13, 10])
  })

  it.each([0o400, 0o440, 0o660])('reads a file of mode %o', (mode) => {
    put('secret', mode)
    expect(readSecretFile(path, 'key file').toString()).toBe('secret')
  })

  it('follows links, as mounted secrets are', () => {
    put('secret')
    const link = join(folder, 'link')
    symlinkSync(path, link)
    expect(readSecretFile(link, 'key file').toString()).toBe('secret')
  })

  it.each([0o604, 0o602, 0o601, 0o644])('refuses a file of mode %o', (mode) => {
    put('secret', mode)
    expect(() => readSecretFile(path, 'key file')).toThrow(
      refusal('ERR_KEY_MANAGER_PERMISSIONS', `everybody can reach key file "${path}"; run: chmod o-rwx '${path}'`),
    )
  })

  it('refuses what is not there, a folder, and a pipe without waiting for it', () => {
    expect(() => readSecretFile(path, 'PIN file')).toThrow(
      expect.objectContaining({ code: 'ERR_KEY_MANAGER_SECRET', detail: 'ENOENT' }),
    )
    mkdirSync(path)
    expect(() => readSecretFile(path, 'PIN file')).toThrow(
      refusal('ERR_KEY_MANAGER_SECRET', `PIN file "${path}" is not a plain file`),
    )
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', ['-m', '600', pipe])
    expect(() => readSecretFile(pipe, 'PIN file')).toThrow(
      refusal('ERR_KEY_MANAGER_SECRET', `PIN file "${pipe}" is not a plain file`),
    )
  })

  it('refuses nothing and too much', () => {
    put('')
    expect(() => readSecretFile(path, 'PIN file')).toThrow(
      refusal('ERR_KEY_MANAGER_SECRET', `PIN file "${path}" is empty`),
    )
    put('x'.repeat(4097))
    expect(() => readSecretFile(path, 'PIN file')).toThrow(
      refusal('ERR_KEY_MANAGER_SECRET', `PIN file "${path}" is larger than 4096 bytes`),
    )
    put('x'.repeat(4096))
    expect(readSecretFile(path, 'PIN file')).toHaveLength(4096)
  })
})

describe('readSecretLine', () => {
  it.each([
    ['open sesame', 'open sesame'],
    ['open sesame\n', 'open sesame'],
    ['open sesame\r\n', 'open sesame'],
    [' open sesame ', ' open sesame '],
  ])('reads %j as %j', (content, line) => {
    put(content)
    expect(readSecretLine(path, 'passphrase file').toString()).toBe(line)
  })

  it.each(['\n', '\r\n'])('refuses the empty line %j', (content) => {
    put(content)
    expect(() => readSecretLine(path, 'passphrase file')).toThrow(
      refusal('ERR_KEY_MANAGER_SECRET', `passphrase file "${path}" is empty`),
    )
  })

  it('refuses two lines: a part of the secret would be ignored, or the wrong file was named', () => {
    put('one\ntwo\n')
    expect(() => readSecretLine(path, 'passphrase file')).toThrow(
      refusal('ERR_KEY_MANAGER_SECRET', `passphrase file "${path}" has more than one line`),
    )
  })
})
