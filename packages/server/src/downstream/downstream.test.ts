import { describeUpstreamAuthority } from '@countersign/plugin-kit/contract'
import {
  buildCaRequest,
  decodeBase64,
  encodeBase64,
  encodePem,
  parseCertificate,
  parseSpiffeBundle,
  verifyCaCertificate,
} from '@countersign/protocol'
import { nodeCrypto as crypto, generateSigningKey } from '@countersign/protocol/keys-node'
import { FakeClock } from '@countersign/testing'
import { CountersignUpstreamAuthority } from '@countersign/upstream-authority-countersign'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { parseServerConfig } from '../config/server-config.ts'
import { startServer } from '../server.ts'
import { realNow } from '../test-support/certificate-maker.ts'
import { type Call, callHttps, callSocket } from '../test-support/http-call.ts'
import { createEntry, refusal } from '../test-support/machine-requests.ts'
import { RecordingLogger } from '../test-support/recording-logger.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { TestAgent } from '../test-support/test-agent.ts'
import { startTestServer, type TestServer } from '../test-support/test-server.ts'
import { encodeKeyPem } from '../tls/tls-credential.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

const LOWER = 'spiffe://example.org/nested/eu'

/** What a Workload API would give the server below: an X509-SVID for one entry of an agent's. */
async function identityOf(agent: TestAgent, entryId: string, trusted: string) {
  const key = generateSigningKey('ES256')
  const body = { requests: [{ entryId, publicKey: key.publicJwk }] }
  const { svids } = (await agent.call('/v1/agent/x509-svids', { body })).body
  const chain: Uint8Array[] = svids[0].credential.chain.map(decodeBase64)
  const tls = { key: encodeKeyPem(key.exportPkcs8()), cert: encodePem(chain) }
  const x509Svid = Uint8Array.from(chain.flatMap((der) => [...der]))
  const svid = { spiffeId: svids[0].credential.spiffeId, x509Svid, x509SvidKey: key.exportPkcs8() }
  return { tls, identity: { svids: [{ ...svid, bundle: decodeBase64(trusted) }], federatedBundles: {} } }
}

async function rootOf({ admin }: { admin: (path: string) => Promise<{ body: { bundle: object } }> }): Promise<string> {
  const { bundle } = (await admin('/v1/bundles/example.org')).body
  return encodeBase64(parseSpiffeBundle('example.org', bundle).x509Authorities[0] ?? new Uint8Array())
}

async function startUpper(config: object = {}) {
  const clock = new FakeClock(realNow())
  const upper = await startTestServer({ clock, config: { downstream: { pathLength: 1 }, ...config } })
  const agent = await upper.attestedAgent('/host')
  return { upper, agent, clock }
}

describeUpstreamAuthority('countersign', async () => {
  const { upper, agent, clock } = await startUpper()
  const entry = await createEntry(upper, agent, { spiffeId: LOWER, downstream: true })
  const { identity } = await identityOf(agent, entry.id, await rootOf(upper))
  const upstream = new CountersignUpstreamAuthority({
    url: new URL(upper.server.machineUrl),
    identity: { read: async () => identity, close: () => {} },
    clock,
  })
  return {
    upstream,
    now: () => clock.now(),
    maxLifetimeSeconds: 86_400,
    takeAway: () => upper.server.stop(),
  }
})

describe('a server below', () => {
  let upper: TestServer
  let agent: TestAgent
  let clock: FakeClock
  let entry: { readonly id: string }
  let tls: { readonly key: string; readonly cert: string }
  beforeEach(async () => {
    const started = await startUpper()
    upper = started.upper
    agent = started.agent
    clock = started.clock
    entry = await createEntry(upper, agent, { spiffeId: LOWER, downstream: true })
    tls = (await identityOf(agent, entry.id, await rootOf(upper))).tls
  })

  const call = (path: string, request: Call = {}) =>
    callHttps(`${upper.server.machineUrl}${path}`, { ...tls, ...request })
  const csr = () => {
    const key = generateSigningKey('ES256')
    const content = { key, crypto, subject: { commonName: 'x' }, trustDomain: 'example.org' }
    return encodeBase64(buildCaRequest(content) as Uint8Array)
  }
  const askForCa = (ttl = 3600) => call('/v1/downstream/ca', { body: { csr: csr(), ttl } })
  const ask = () => call('/v1/downstream/bundle')
  const keys = (...list: object[]) => call('/v1/downstream/keys', { method: 'PUT', body: { keys: list } })
  const tokenKey = (kid: string, change: object = {}) => {
    const key = generateSigningKey('ES256', { kid }).publicJwk
    return { use: 'jwt-svid', key, notAfter: clock.now() + 600, ...change }
  }
  const kids = async () =>
    ((await upper.admin('/v1/bundles/example.org')).body.bundle.keys as { kid?: string }[]).map(({ kid }) => kid)

  it('may stand on any node of an alias, and only for as long as that stands for the node', async () => {
    const { body } = await upper.admin('/v1/join-tokens', { body: { agentPath: '/eu-1', selectors: ['role:nested'] } })
    const member = new TestAgent(upper.server.machineUrl)
    await member.attest(body.token)
    const hosts = 'spiffe://example.org/hosts/nested'
    const alias = { spiffeId: hosts, parentId: 'spiffe://example.org/countersign/server' }
    const selectors = [{ type: 'join_token', value: 'role:nested' }]
    const { id } = (await upper.admin('/v1/entries', { body: { ...alias, selectors } })).body
    const spiffeId = 'spiffe://example.org/nested/us'
    const shared = await createEntry(upper, agent, { spiffeId, parentId: hosts, downstream: true })
    const own = (await identityOf(member, shared.id, await rootOf(upper))).tls
    const askAsMember = () =>
      callHttps(`${upper.server.machineUrl}/v1/downstream/ca`, { ...own, body: { csr: csr(), ttl: 60 } })
    expect((await askAsMember()).status).toBe(200)
    const recorded = await upper.admin('/v1/nodes/ban', { body: { agentId: agent.agentId } })
    expect(recorded.status).toBe(200)
    expect((await askAsMember()).status).toBe(200)
    await upper.admin(`/v1/entries/${id}`, { method: 'DELETE' })
    expect(refusal(await askAsMember())).toBe('403 ERR_DOWNSTREAM_NOT_ENTITLED')
  })

  it('is known by its certificate on its own routes only, and an agent by its own on others', async () => {
    expect((await ask()).status).toBe(200)
    expect(refusal(await call('/v1/agent/sync'))).toBe('403 ERR_NODE_CERTIFICATE')
    expect(refusal(await agent.call('/v1/downstream/bundle'))).toBe('403 ERR_DOWNSTREAM_NOT_ENTITLED')
    expect(refusal(await call('/v1/downstream/bundle', { key: '', cert: '' }))).toBe('403 ERR_NODE_NO_CERTIFICATE')
  })

  it('is refused without the flag, with that of another entry, and once it is taken away', async () => {
    const plain = await createEntry(upper, agent, { spiffeId: 'spiffe://example.org/web' })
    const web = await identityOf(agent, plain.id, await rootOf(upper))
    expect(refusal(await call('/v1/downstream/bundle', web.tls))).toBe('403 ERR_DOWNSTREAM_NOT_ENTITLED')
    expect(refusal(await call('/v1/downstream/ca', { ...web.tls, body: { csr: csr(), ttl: 60 } }))).toBe(
      '403 ERR_DOWNSTREAM_NOT_ENTITLED',
    )
    // The same identity on another node, where nobody gave it the flag.
    const second = await upper.attestedAgent('/second')
    const other = await createEntry(upper, second, { spiffeId: LOWER })
    const there = await identityOf(second, other.id, await rootOf(upper))
    expect(refusal(await call('/v1/downstream/bundle', there.tls))).toBe('403 ERR_DOWNSTREAM_NOT_ENTITLED')

    await upper.admin(`/v1/entries/${entry.id}`, { method: 'DELETE' })
    expect(refusal(await ask())).toBe('403 ERR_DOWNSTREAM_NOT_ENTITLED')
    expect(upper.log.events('downstream.refused').at(-1)).toMatchObject({ spiffeId: LOWER })
  })

  it('gets no CA beyond the end of its entry', async () => {
    const ending = await createEntry(upper, agent, {
      ...{ spiffeId: 'spiffe://example.org/nested/us', downstream: true, expiresAt: clock.now() + 1000 },
    })
    const { tls: us } = await identityOf(agent, ending.id, await rootOf(upper))
    const { chain } = (await call('/v1/downstream/ca', { ...us, body: { csr: csr(), ttl: 5000 } })).body
    expect(parseCertificate(decodeBase64(chain[0])).notAfter).toBe(clock.now() + 1000)
  })

  it('is refused when its node is banned, and its CA is revoked and its token keys are gone', async () => {
    const { chain } = (await askForCa()).body
    await keys(tokenKey('jwt-below'))
    expect(await kids()).toContain('jwt-below')
    await upper.admin('/v1/nodes/ban', { body: { agentId: agent.agentId } })
    expect(refusal(await ask())).toBe('403 ERR_DOWNSTREAM_NOT_ENTITLED')
    const { parseCrl } = await import('@countersign/protocol')
    const watcher = await upper.attestedAgent('/watcher')
    await vi.waitFor(async () => {
      await clock.advance(1)
      const { crls } = (await watcher.call('/v1/agent/sync')).body
      const revoked = crls.flatMap((list: string) => parseCrl(decodeBase64(list)).revoked.map(encodeBase64))
      expect(revoked).toContain(encodeBase64(parseCertificate(decodeBase64(chain[0])).serial))
      expect(await kids()).not.toContain('jwt-below')
    })
  })

  it('gets a CA that lives and reaches no further than it may', async () => {
    const { chain, bundle } = (await askForCa(10 * 86_400)).body
    const roots = parseSpiffeBundle('example.org', bundle.bundle.bundle).x509Authorities
    const options = { chain: chain.map(decodeBase64), roots, trustDomain: 'example.org', now: clock.now(), crypto }
    const { ca, root } = await verifyCaCertificate(options)
    expect(ca.notAfter).toBeLessThanOrEqual(root.notAfter)
    expect(ca).toMatchObject({ pathLength: 1, uriSans: ['spiffe://example.org'] })
    const again = parseCertificate(decodeBase64((await askForCa(60)).body.chain[0]))
    expect(again.notAfter).toBe(clock.now() + 60)
    expect(again.subject).not.toEqual(ca.subject)
    expect(again.authorityKeyId).toEqual(root.subjectKeyId)
  })

  it('gets none for a request that proves nothing, or is none', async () => {
    const broken = Buffer.from(csr(), 'base64')
    broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1
    for (const request of [broken.toString('base64'), 'AAAA', '']) {
      const reply = await call('/v1/downstream/ca', { body: { csr: request, ttl: 60 } })
      expect(refusal(reply)).toBe('400 ERR_DOWNSTREAM_REQUEST')
    }
    expect(refusal(await call('/v1/downstream/ca', { body: { csr: csr(), ttl: 0 } }))).toBe('400 ERR_HTTP_INVALID')
  })

  it('publishes its token keys, all anew each time, and only good ones', async () => {
    const [one, two] = [tokenKey('jwt-1'), tokenKey('wit-1', { use: 'wit-svid' })]
    expect((await keys(one, two)).status).toBe(204)
    expect(await kids()).toEqual(expect.arrayContaining(['jwt-1', 'wit-1']))
    expect((await keys(two)).status).toBe(204)
    expect(await kids()).not.toContain('jwt-1')
    const bad = '400 ERR_DOWNSTREAM_KEYS'
    expect(refusal(await keys(two, tokenKey('')))).toBe(bad)
    expect(refusal(await keys(two, tokenKey('a b')))).toBe(bad)
    expect(refusal(await keys(two, tokenKey('old', { notAfter: clock.now() })))).toBe(bad)
    expect(refusal(await keys(two, tokenKey('far', { notAfter: clock.now() + 4000 * 86_400 })))).toBe(bad)
    expect(refusal(await keys(two, { ...tokenKey('weak'), key: { kty: 'EC', kid: 'weak' } }))).toBe(bad)
    expect(await kids()).toContain('wit-1')
  })

  it('may not take the name of a key of anybody else', async () => {
    const { authorities } = (await upper.admin('/v1/authorities')).body
    const own = authorities.find(({ kind }: { kind: string }) => kind === 'jwt').id
    expect(refusal(await keys(tokenKey(own)))).toBe('409 ERR_DOWNSTREAM_KEY_TAKEN')
    const other = await createEntry(upper, agent, { spiffeId: 'spiffe://example.org/nested/us', downstream: true })
    const us = await identityOf(agent, other.id, await rootOf(upper))
    await keys(tokenKey('jwt-1'))
    const body = { keys: [tokenKey('jwt-1')] }
    const reply = await call('/v1/downstream/keys', { ...us.tls, method: 'PUT', body })
    expect(refusal(reply)).toBe('409 ERR_DOWNSTREAM_KEY_TAKEN')
  })

  it('has its keys forgotten when their time is over', async () => {
    await keys(tokenKey('jwt-1', { notAfter: clock.now() + 100 }))
    await clock.advance(200)
    await vi.waitFor(async () => expect(await kids()).not.toContain('jwt-1'))
  })

  it('hears of tainted authorities', async () => {
    expect((await ask()).body.taintedX509).toEqual([])
    const [old] = (await upper.admin('/v1/authorities')).body.authorities.filter(
      ({ kind }: { kind: string }) => kind === 'x509',
    )
    const { id } = (await upper.admin('/v1/authorities/prepare', { body: { kind: 'x509' } })).body
    await upper.admin('/v1/authorities/activate', { body: { id, force: true } })
    await upper.admin('/v1/authorities/taint', { body: { id: old.id } })
    const { taintedX509, bundle } = (await ask()).body
    expect(taintedX509).toHaveLength(1)
    expect(parseSpiffeBundle('example.org', bundle.bundle).x509Authorities.map(encodeBase64)).toContain(taintedX509[0])
  })
})

describe('path lengths', () => {
  it('end the line of servers', async () => {
    const { upper, agent } = await startUpper({ downstream: { pathLength: 0 } })
    const entry = await createEntry(upper, agent, { spiffeId: LOWER, downstream: true })
    const { identity } = await identityOf(agent, entry.id, await rootOf(upper))
    const { lower, log } = await startLower(upper, identity)
    const under = await lower.attestedAgent()
    const below = await createEntry({ admin: lower.admin } as TestServer, under, { downstream: true })
    const { tls } = await identityOf(under, below.id, await rootOf(lower))
    const key = generateSigningKey('ES256')
    const content = { key, crypto, subject: { commonName: 'x' }, trustDomain: 'example.org' }
    const body = { csr: encodeBase64(buildCaRequest(content) as Uint8Array), ttl: 60 }
    const reply = await callHttps(`${lower.machineUrl}/v1/downstream/ca`, { ...tls, body })
    expect(refusal(reply)).toBe('409 ERR_DOWNSTREAM_PATH_LENGTH')
    expect(log.text).not.toContain('request failed')
  })
})

/** A whole server under the upper one; the plugin gets its identity from the test in place of a Workload API. */
async function startLower(upper: TestServer, identity: Awaited<ReturnType<typeof identityOf>>['identity']) {
  const dataDir = await temporaryFolder()
  const log = new RecordingLogger()
  const clock = new FakeClock(realNow())
  const loopback = { host: '127.0.0.1', port: 0 }
  const parsed = parseServerConfig(
    { trustDomain: 'example.org', dataDir, machine: loopback, public: loopback },
    dataDir,
  )
  const create = () =>
    new CountersignUpstreamAuthority({
      url: new URL(upper.server.machineUrl),
      identity: { read: async () => identity, close: () => {} },
      clock,
    })
  const plugins = { ...parsed.plugins, upstreamAuthority: { name: 'countersign', create } }
  const server = await startServer({ ...parsed, plugins }, { log, clock })
  onTestFinished(() => server.stop())
  const admin = (path: string, call?: Call) => callSocket(server.adminSocket, path, call)
  const attestedAgent = async () => {
    const { body } = await admin('/v1/join-tokens', { body: {} })
    const agent = new TestAgent(server.machineUrl)
    expect((await agent.attest(body.token)).status).toBe(200)
    return agent
  }
  return { lower: { machineUrl: server.machineUrl, admin, attestedAgent }, log, clock }
}

describe('a server that stands below another', () => {
  it('attests agents, issues under the root above, and publishes its keys there', async () => {
    const { upper, agent } = await startUpper()
    const entry = await createEntry(upper, agent, { spiffeId: LOWER, downstream: true })
    const root = await rootOf(upper)
    const { identity } = await identityOf(agent, entry.id, root)
    const { lower } = await startLower(upper, identity)
    expect(await rootOf(lower)).toBe(root)

    const under = await lower.attestedAgent()
    // With its CA in the chain: the server below knows its own agents by that.
    const state = (await under.call('/v1/agent/sync')).body
    expect(state.intermediates).toHaveLength(1)
    expect(state.crls).toHaveLength(1)
    const keysOf = async ({ admin }: Pick<TestServer, 'admin'>) =>
      (await admin('/v1/bundles/example.org')).body.bundle.keys.map(({ kid }: { kid?: string }) => kid).filter(Boolean)
    const { authorities } = (await lower.admin('/v1/authorities')).body
    const own = authorities.flatMap(({ kind, id }: { kind: string; id: string }) => (kind === 'x509' ? [] : [id]))
    expect(await keysOf(upper)).toEqual(expect.arrayContaining(own))
    // An agent of one is a stranger to the other.
    expect(refusal(await callHttps(`${lower.machineUrl}/v1/agent/sync`, agent.tls ?? {}))).toMatch(/^403 ERR_NODE_/)
    expect(refusal(await upper.admin('/v1/nodes/ban', { body: { agentId: under.agentId } }))).toMatch(/NODE_NOT_FOUND/)
    expect(refusal(await callHttps(`${upper.server.machineUrl}/v1/agent/sync`, under.tls ?? {}))).toMatch(
      /^403 ERR_NODE_/,
    )
  })
})
