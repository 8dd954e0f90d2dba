import { silentLogger, systemClock } from '@countersign/plugin-kit'
import { describeServerNodeAttestor } from '@countersign/plugin-kit/contract'
import { describe, expect, it, vi } from 'vitest'
import server from './server.ts'

const context = { clock: systemClock, log: silentLogger, dataDir: '/nonexistent' }

function hostWith(...tokens: string[]) {
  const unused = new Set(tokens)
  return {
    redeemJoinToken: vi.fn(async (token: string) => (unused.delete(token) ? { agentPath: '/host-1' } : undefined)),
  }
}

describeServerNodeAttestor('join-token', () => ({
  attestor: server.create(server.parseConfig({}), context),
  host: hostWith('genuine-token'),
  evidence: { token: 'genuine-token' },
  forged: { evidence: { token: 'forged-token' }, code: 'ERR_ATTESTATION_TOKEN_UNKNOWN' },
  secrets: ['genuine-token', 'forged-token'],
}))

describe('join-token, server', () => {
  const attestor = server.create({}, context)

  it('names the agent as the token says and selects it by that', async () => {
    expect(await attestor.judge({ token: 'a' }, hostWith('a'))).toEqual({
      agentPath: '/host-1',
      selectors: [{ type: 'join_token', value: '/host-1' }],
      canReattest: false,
    })
  })

  it.each([
    ['no member', {}],
    ['an empty token', { token: '' }],
    ['a number', { token: 5 }],
    ['a list', { token: ['a'] }],
    ['white space', { token: 'a b' }],
    ['a line break', { token: 'a\n' }],
    ['other characters than ASCII', { token: 'é' }],
    ['a NUL', { token: 'a\0' }],
    ['a further member', { token: 'a', agentPath: '/other' }],
    ['text', 'a'],
  ])('refuses %s before it asks the store', async (_, evidence) => {
    const host = hostWith('a')
    await expect(attestor.judge(evidence, host)).rejects.toThrow(
      expect.objectContaining({ name: 'AttestationError', code: 'ERR_ATTESTATION_EVIDENCE_MALFORMED' }),
    )
    expect(host.redeemJoinToken).toHaveBeenCalledTimes(0)
  })

  it('refuses a token above 512 characters before it asks the store', async () => {
    const host = hostWith('a'.repeat(512), 'a'.repeat(513))
    await expect(attestor.judge({ token: 'a'.repeat(513) }, host)).rejects.toThrow(
      expect.objectContaining({ name: 'AttestationError', code: 'ERR_ATTESTATION_TOO_LARGE' }),
    )
    expect(host.redeemJoinToken).toHaveBeenCalledTimes(0)
    expect((await attestor.judge({ token: 'a'.repeat(512) }, host)).agentPath).toBe('/host-1')
  })

  it('gives one answer for unknown and used tokens', async () => {
    const host = hostWith('once')
    await attestor.judge({ token: 'once' }, host)
    const messages = await Promise.all(
      ['once', 'never'].map((token) => attestor.judge({ token }, host).catch((error: Error) => error.message)),
    )
    expect(messages).toEqual(Array(2).fill('join token is unknown, has expired or was used before'))
  })

  it('has no options', () => {
    expect(() => server.parseConfig({ ttl: 5 })).toThrow(
      expect.objectContaining({
        code: 'ERR_CONFIG_UNKNOWN_KEY',
        message: 'unknown key "nodeAttestors.join-token.config.ttl"',
      }),
    )
  })
})
