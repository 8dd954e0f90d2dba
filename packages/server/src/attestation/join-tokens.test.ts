import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { createAudit } from '../audit/audit.ts'
import { JoinTokenStore } from '../store/join-token-store.ts'
import { RecordingLogger } from '../test-support/recording-logger.ts'
import { temporaryStore } from '../test-support/temporary-store.ts'
import { JoinTokens } from './join-tokens.ts'

async function openTokens() {
  const { store, clock, path } = await temporaryStore()
  const log = new RecordingLogger()
  const audit = createAudit(log)
  const tokens = new JoinTokens({
    tokens: new JoinTokenStore(store, clock),
    audit,
    clock,
    crypto: nodeCrypto,
    trustDomain: 'example.org',
  })
  const redeem = (token: string) => tokens.hold('key').redeemJoinToken(token)
  return { tokens, redeem, store, clock, path, log }
}

describe('JoinTokens', () => {
  it('lets exactly one of fifty concurrent callers have the record', async () => {
    const { tokens, redeem } = await openTokens()
    const { token } = await tokens.create({ agentPath: '/node-1' })
    const answers = await Promise.all(Array.from({ length: 50 }, () => redeem(token)))
    expect(answers.filter((answer) => answer !== undefined)).toEqual([{ agentPath: '/node-1' }])
    expect(await redeem(token)).toBe(undefined)
  })

  it('gives back what was held and not spent, but only its holder does', async () => {
    const { tokens, redeem } = await openTokens()
    const { token } = await tokens.create({ agentPath: '/node-1' })
    const [holder, other] = [tokens.hold('key'), tokens.hold('key')]
    await holder.redeemJoinToken(token)
    expect(await other.redeemJoinToken(token)).toBe(undefined)
    other.release()
    expect(await redeem(token)).toBe(undefined)
    holder.release()
    expect(await redeem(token)).toEqual({ agentPath: '/node-1' })
  })

  it('refuses unknown tokens without a trace in the change log', async () => {
    const { redeem, store } = await openTokens()
    expect(await redeem('guess')).toBe(undefined)
    expect(await store.revision()).toBe(0)
  })

  it('refuses a token from the second on at which it expires', async () => {
    const { tokens, redeem, clock } = await openTokens()
    const early = await tokens.create({ ttl: 60 })
    const late = await tokens.create({ ttl: 60 })
    expect(early.expiresAt).toBe(clock.now() + 60)
    clock.jump(59)
    expect(await redeem(early.token)).toEqual({ agentPath: expect.stringMatching(/^\/join-token\//) })
    clock.jump(1)
    expect(await redeem(late.token)).toBe(undefined)
  })

  it('gives ten minutes unless asked otherwise', async () => {
    const { tokens, clock } = await openTokens()
    expect((await tokens.create({})).expiresAt).toBe(clock.now() + 600)
  })

  it('gives the selectors that the token was made with', async () => {
    const { tokens, redeem } = await openTokens()
    const { token } = await tokens.create({ agentPath: '/a', selectors: ['role:db', 'rack:7'] })
    expect(await redeem(token)).toEqual({ agentPath: '/a', selectors: ['role:db', 'rack:7'] })
  })

  it("derives the agent's identifier from the token's hash, or takes the one asked for", async () => {
    const { tokens } = await openTokens()
    const { token, agentId } = await tokens.create({})
    const hash = createHash('sha256').update(token).digest('hex')
    expect(agentId).toBe(`spiffe://example.org/countersign/agent/join-token/${hash}`)
    expect((await tokens.create({ agentPath: '/a/b' })).agentId).toBe('spiffe://example.org/countersign/agent/a/b')
  })

  it.each(['/', '/a/../b', '/a//b', '/a b', '/a/'])('refuses the path %s', async (agentPath) => {
    const { tokens } = await openTokens()
    await expectCode(tokens.create({ agentPath }), 'ERR_IDENTIFIER_PATH')
  })

  it('never repeats a token, and writes none to disk or log', async () => {
    const { tokens, redeem, store, path, log } = await openTokens()
    const [first, second] = [await tokens.create({}), await tokens.create({})]
    expect(first.token).not.toBe(second.token)
    expect(Buffer.from(first.token, 'base64url')).toHaveLength(32)
    await redeem(first.token)
    await store.close()
    const stored = await readFile(path, 'latin1')
    expect(stored).toContain(createHash('sha256').update(first.token).digest('hex'))
    expect(stored).not.toContain(first.token)
    expect(log.text).not.toContain(first.token)
    expect(log.events('join_token.created')).toHaveLength(2)
  })
})
