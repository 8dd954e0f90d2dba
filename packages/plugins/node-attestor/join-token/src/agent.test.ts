import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Logger, silentLogger, systemClock } from '@countersign/plugin-kit'
import { describeAgentNodeAttestor } from '@countersign/plugin-kit/contract'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import agent from './agent.ts'

const context = { clock: systemClock, log: silentLogger, dataDir: '/nonexistent' }

describeAgentNodeAttestor('join-token', () => ({
  attestor: agent.create(agent.parseConfig({ token: 'genuine-token' }), context),
  helpless: agent.create(agent.parseConfig({}), context),
}))

describe('join-token, agent', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'join-token-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const gather = (config: object, log: Logger = silentLogger) =>
    agent.create(agent.parseConfig(config), { ...context, configDir: folder, log }).gatherEvidence()
  const file = (content: string | Uint8Array, mode = 0o600) => {
    writeFileSync(join(folder, 'token'), content, { mode })
    return join(folder, 'token')
  }
  const notPossible = (message: string | RegExp) =>
    expect.objectContaining({
      name: 'AttestationError',
      code: 'ERR_ATTESTATION_NOT_POSSIBLE',
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    })

  it('takes the token from its configuration', async () => {
    expect(await gather({ token: 'abc' })).toEqual({ token: 'abc' })
  })

  it('takes the token from a file, without the line break at its end', async () => {
    expect(await gather({ tokenFile: file('abc\n') })).toEqual({ token: 'abc' })
  })

  it('finds a relative file beside its configuration', async () => {
    file('abc')
    expect(await gather({ tokenFile: './token' })).toEqual({ token: 'abc' })
  })

  it('reads the file again at every attempt', async () => {
    const attestor = agent.create(agent.parseConfig({ tokenFile: file('first') }), context)
    expect(await attestor.gatherEvidence()).toEqual({ token: 'first' })
    file('second')
    expect(await attestor.gatherEvidence()).toEqual({ token: 'second' })
  })

  it('says what it needs without a token', async () => {
    const message =
      'this node has no join token: create one on the server and put it into "nodeAttestor.config.token" or into a file named by "nodeAttestor.config.tokenFile"'
    await expect(gather({})).rejects.toThrow(notPossible(message))
    await expect(gather({ token: '' })).rejects.toThrow(notPossible(message))
  })

  it('names a file that cannot be read', async () => {
    const path = join(folder, 'missing')
    await expect(gather({ tokenFile: path })).rejects.toThrow(
      notPossible(`join token file "${path}" cannot be read (ENOENT): create a token on the server and put it there`),
    )
    mkdirSync(path)
    await expect(gather({ tokenFile: path })).rejects.toThrow(notPossible(/EISDIR/))
  })

  it.each(['', '\n', 'two words', 'a\nb', 'é', 'a'.repeat(513), 'a'.repeat(5000)])(
    'refuses a file that holds %j, without quoting it',
    async (content) => {
      await expect(gather({ tokenFile: file(content) })).rejects.toThrow(
        notPossible(
          `join token file "${join(folder, 'token')}" does not hold a join token: expected 1 to 512 visible ASCII characters`,
        ),
      )
    },
  )

  it('refuses a configured token that cannot be one, without quoting it', async () => {
    await expect(gather({ token: 'two words' })).rejects.toThrow(
      notPossible(/^"nodeAttestor.config.token" does not hold/),
    )
  })

  it('warns of a file that others can read', async () => {
    const warnings: string[] = []
    const log: Logger = { ...silentLogger, warn: (_, message) => void warnings.push(message) }
    await gather({ tokenFile: file('abc', 0o600) }, log)
    expect(warnings).toEqual([])
    rmSync(join(folder, 'token'))
    await gather({ tokenFile: file('abc', 0o640) }, log)
    expect(warnings).toEqual(['join token file can be read by others, use mode 0600'])
  })

  it('tells an operator which command to run and where the token goes', () => {
    const create = (config: object) => agent.create(agent.parseConfig(config), { ...context, configDir: folder })
    expect(create({ tokenFile: './token' }).describeNeed?.('/rack/one')).toEqual({
      say: `a join token is good for one attestation: make another on the server and write it to ${join(folder, 'token')} on this node; the agent finds it by itself`,
      command: ['countersign', 'token', 'create', '--agent-path', '/rack/one'],
    })
    const need = create({ token: 'secret-token' }).describeNeed?.(undefined)
    expect(need?.say).toContain('"nodeAttestor.config.token"')
    expect(need?.say).not.toContain('secret-token')
    expect(need?.command).toEqual(['countersign', 'token', 'create'])
  })

  it('refuses both a token and a file', () => {
    expect(() => agent.parseConfig({ token: 'a', tokenFile: 'b' })).toThrow(
      expect.objectContaining({
        code: 'ERR_CONFIG_INVALID',
        message: '"nodeAttestor.config" must have "token" or "tokenFile", not both',
      }),
    )
  })

  it('refuses unknown keys', () => {
    expect(() => agent.parseConfig({ tokenfile: 'a' })).toThrow(
      expect.objectContaining({
        code: 'ERR_CONFIG_UNKNOWN_KEY',
        message: 'unknown key "nodeAttestor.config.tokenfile", did you mean "nodeAttestor.config.tokenFile"?',
      }),
    )
  })
})
