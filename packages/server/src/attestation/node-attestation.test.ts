import joinToken from '@countersign/node-attestor-join-token/server'
import { silentLogger } from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { createAudit } from '../audit/audit.ts'
import { JoinTokenStore } from '../store/join-token-store.ts'
import { NodeStore } from '../store/node-store.ts'
import { RecordingLogger } from '../test-support/recording-logger.ts'
import { openTestAuthorities, trustDomain } from '../test-support/test-authorities.ts'
import { JoinTokens } from './join-tokens.ts'
import { NodeAttestation } from './node-attestation.ts'

const agentId = 'spiffe://example.org/countersign/agent/node-1'

async function open() {
  const { store, clock, issuer } = await openTestAuthorities()
  const log = new RecordingLogger()
  const audit = createAudit(log)
  const nodes = new NodeStore(store)
  const tokens = new JoinTokenStore(store, clock)
  const joinTokens = new JoinTokens({ tokens, audit, clock, crypto: nodeCrypto, trustDomain })
  const attestor = joinToken.create({}, { clock, log: silentLogger, dataDir: '/nonexistent' })
  const attestation = new NodeAttestation({
    attestors: new Map([['join-token', attestor]]),
    joinTokens,
    nodes,
    issuer,
    audit,
    clock,
    trustDomain,
    ttlSeconds: 3600,
  })
  const attest = (token: string, { publicJwk: publicKey } = generateSigningKey('ES256')) => {
    return attestation.attest({ attestor: 'join-token', evidence: { token }, publicKey: { ...publicKey } })
  }
  const newToken = async () => (await joinTokens.create({ agentPath: '/node-1' })).token
  return { store, clock, log, nodes, issuer, attest, newToken }
}

describe('NodeAttestation', () => {
  it('gives one of fifty concurrent attempts with one token an identity', async () => {
    const { attest, newToken, nodes } = await open()
    const token = await newToken()
    const results = await Promise.allSettled(Array.from({ length: 50 }, () => attest(token)))
    const issued = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [errorCode(result.reason)] : []))
    expect(issued).toHaveLength(1)
    expect(refused).toEqual(Array(49).fill('ERR_ATTESTATION_TOKEN_UNKNOWN'))
    await nodes.requireCurrent(agentId, issued[0]?.serial ?? '')
    await expectCode(attest(token), 'ERR_ATTESTATION_TOKEN_UNKNOWN')
  })

  it('answers the same key again, whose answer may have been lost, and no other', async () => {
    const { attest, newToken, nodes, clock } = await open()
    const [token, key] = [await newToken(), generateSigningKey('ES256')]
    const lost = await attest(token, key)
    await expectCode(attest(token), 'ERR_ATTESTATION_TOKEN_UNKNOWN')
    const received = await attest(token, key)
    await nodes.requireCurrent(agentId, received.serial)
    await expectCode(nodes.requireCurrent(agentId, lost.serial), 'ERR_NODE_UNKNOWN')
    clock.jump(600)
    await expectCode(attest(token, key), 'ERR_ATTESTATION_TOKEN_UNKNOWN')
  })

  it('does not take an evicted node back for a token it has spent', async () => {
    const { attest, newToken, nodes } = await open()
    const [token, key] = [await newToken(), generateSigningKey('ES256')]
    await attest(token, key)
    await nodes.evict(agentId)
    await expectCode(attest(token, key), 'ERR_ATTESTATION_TOKEN_UNKNOWN')
    expect(await nodes.list()).toEqual([])
  })

  it('does not spend the token when nothing can be signed', async () => {
    const { attest, newToken, issuer } = await open()
    const token = await newToken()
    const issue = issuer.issueX509
    issuer.issueX509 = () => Promise.reject(new Error('key manager is away'))
    await expect(attest(token)).rejects.toThrow('key manager is away')
    issuer.issueX509 = issue
    expect((await attest(token)).spiffeId).toBe(agentId)
  })

  it('does not spend the token when the node is not recorded', async () => {
    const { attest, newToken, nodes, store } = await open()
    await attest(await newToken())
    await nodes.ban(agentId)
    const token = await newToken()
    const revision = await store.revision()
    await expectCode(attest(token), 'ERR_NODE_BANNED')
    expect(await store.revision()).toBe(revision)
    await nodes.evict(agentId)
    expect((await attest(token)).spiffeId).toBe(agentId)
  })

  it('gives nothing to a token that ends while it signs', async () => {
    const { attest, newToken, issuer, clock, nodes } = await open()
    const token = await newToken()
    const issue = issuer.issueX509.bind(issuer)
    issuer.issueX509 = (request) => {
      clock.jump(600)
      return issue(request)
    }
    await expectCode(attest(token), 'ERR_ATTESTATION_TOKEN_UNKNOWN')
    expect(await nodes.list()).toEqual([])
  })

  it('writes one audit line a minute for refusals of one sort', async () => {
    const { attest, log, clock } = await open()
    const code = 'ERR_ATTESTATION_TOKEN_UNKNOWN'
    for (let count = 0; count < 20; count++) await expectCode(attest('guess'), code)
    await expectCode(attest('a'.repeat(5000)), 'ERR_ATTESTATION_TOO_LARGE')
    clock.jump(60)
    await expectCode(attest('guess'), code)
    const events = log.events('node.attestation_refused')
    expect(events.map((event) => [event['code'], event['more']])).toEqual([
      [code, undefined],
      ['ERR_ATTESTATION_TOO_LARGE', undefined],
      [code, 19],
    ])
  })
})
