// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax this is about
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfigFile, parseConfigText } from './load-config-file.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'config-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}

const refusal = (code: string, message: string | RegExp = /./) =>
  expect.objectContaining({
    name: 'ConfigError',
    code,
    message: typeof message === 'string' ? message : expect.stringMatching(message),
  })

describe('loadConfigFile', () => {
  it('reads YAML and fills in the environment', async () => {
    const path = await file('ok.yaml', 'trustDomain: ${TD}\nmachine: { port: 8441 }\nlist:\n  - a\n  - yes\n')
    expect(await loadConfigFile(path, { TD: 'example.org' })).toEqual({
      trustDomain: 'example.org',
      machine: { port: 8441 },
      list: ['a', 'yes'],
    })
  })

  it('accepts a byte order mark', async () => {
    expect(await loadConfigFile(await file('bom.yaml', '\uFEFFa: 1\n'), {})).toEqual({ a: 1 })
  })

  it('names a file that does not exist', async () => {
    const path = join(folder, 'missing.yaml')
    await expect(loadConfigFile(path, {})).rejects.toThrow(
      refusal('ERR_CONFIG_NOT_FOUND', `config file "${path}" cannot be read (ENOENT)`),
    )
  })

  it('names a folder', async () => {
    await expect(loadConfigFile(folder, {})).rejects.toThrow(refusal('ERR_CONFIG_NOT_FOUND', /EISDIR/))
  })

  it('refuses more than 1 MiB before parsing it', async () => {
    const path = await file('large.yaml', `a: ${'x'.repeat(1_048_576)}\n`)
    await expect(loadConfigFile(path, {})).rejects.toThrow(refusal('ERR_CONFIG_INVALID', /larger than 1048576 bytes/))
  })

  it('refuses bytes that are not UTF-8', async () => {
    const path = await file('latin1.yaml', Uint8Array.of(0x61, 0x3a, 0x20, 0xff, 0x0a))
    await expect(loadConfigFile(path, {})).rejects.toThrow(refusal('ERR_CONFIG_SYNTAX', /not UTF-8/))
  })
})

describe('parseConfigText', () => {
  const parse = (text: string) => parseConfigText(text, 'agent.yaml', {})

  it('refuses a duplicate key with its place', () => {
    expect(() => parse('a: 1\nb: 2\na: 3\n')).toThrow(
      refusal('ERR_CONFIG_SYNTAX', 'config file "agent.yaml" line 3, column 1: duplicate key'),
    )
  })

  it('refuses two documents', () => {
    expect(() => parse('a: 1\n---\nb: 2\n')).toThrow(refusal('ERR_CONFIG_SYNTAX', /multiple docs/))
  })

  it('refuses keys that are not strings', () => {
    expect(() => parse('? [1, 2]\n: x\n')).toThrow(refusal('ERR_CONFIG_SYNTAX', /non string key/))
  })

  it('refuses unknown tags', () => {
    expect(() => parse('a: !secret abc\n')).toThrow(refusal('ERR_CONFIG_SYNTAX', /tag resolve failed/))
  })

  it('refuses an alias bomb', () => {
    const levels = ['l0: &l0 [x, x, x, x, x, x, x, x, x]']
    for (let level = 1; level < 9; level++) {
      levels.push(`l${level}: &l${level} [${Array.from({ length: 9 }, () => `*l${level - 1}`).join(', ')}]`)
    }
    expect(() => parse(levels.join('\n'))).toThrow(refusal('ERR_CONFIG_SYNTAX', /aliases/))
  })

  it('allows a few aliases', () => {
    expect(parse('a: &x { port: 1 }\nb: *x\n')).toEqual({ a: { port: 1 }, b: { port: 1 } })
  })

  it('never quotes the file, which may hold a secret', () => {
    for (const text of [
      'token: "hunter2',
      'token: hunter2: x',
      '- hunter2\ntoken: x',
      'token: {hunter2',
      '%hunter2\n---\na: *hunter2',
    ]) {
      let caught: unknown
      try {
        parse(text)
      } catch (error) {
        caught = error
      }
      expect(caught).toEqual(refusal('ERR_CONFIG_SYNTAX'))
      expect(`${(caught as Error).message} ${(caught as { detail?: string }).detail}`).not.toContain('hunter2')
      expect((caught as Error).cause).toBe(undefined)
    }
  })

  it('gives null for an empty file', () => {
    expect(parse('# nothing\n')).toBe(null)
  })
})
