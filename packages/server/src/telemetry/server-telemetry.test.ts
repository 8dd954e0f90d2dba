import { generateSigningKey } from '@countersign/protocol/keys-node'
import { describe, expect, it } from 'vitest'
import { callHttps } from '../test-support/http-call.ts'
import { startTestServer, type TestServer } from '../test-support/test-server.ts'
import { SERVER_METRICS } from './server-metrics.ts'

const telemetry = { host: '127.0.0.1', port: 0 }

async function startWatched(config: object = {}): Promise<TestServer & { scrape(): Promise<Scrape> }> {
  const test = await startTestServer({ config: { telemetry, ...config } })
  const url = test.server.telemetryUrl ?? ''
  return { ...test, scrape: async () => new Scrape(await (await fetch(`${url}/metrics`)).text()) }
}

/** Samples by name and labels, as they stand in the text. */
class Scrape {
  readonly text: string
  readonly #samples: ReadonlyMap<string, number>

  constructor(text: string) {
    this.text = text
    const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    this.#samples = new Map(
      samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
    )
  }

  value(sample: string): number | undefined {
    return this.#samples.get(`countersign_server_${sample}`)
  }

  get names(): ReadonlySet<string> {
    return new Set([...this.#samples.keys()].map((sample) => sample.replace(/\{.*/, '')))
  }
}

async function issueTo(test: TestServer, agentPath: string) {
  const agent = await test.attestedAgent(agentPath)
  const entry = await test.admin('/v1/entries', {
    body: {
      spiffeId: 'spiffe://example.org/orders',
      parentId: agent.agentId,
      selectors: [{ type: 'unix', value: 'uid:1' }],
    },
  })
  const request = (entryId: string) =>
    agent.call('/v1/agent/x509-svids', {
      body: { requests: [{ entryId, publicKey: generateSigningKey('ES256').publicJwk }] },
    })
  expect((await request(entry.body.id)).status).toBe(200)
  expect((await request('absent')).status).toBe(403)
  return agent
}

describe('metrics of a server', () => {
  it('say what was done, what was refused and what there is', async () => {
    const test = await startWatched()
    const agent = await issueTo(test, '/one')
    const events = await agent.events()
    await events.until(({ states }) => states.length === 1)
    await callHttps(`${test.server.machineUrl}/v1/agent/attest`, {
      body: { attestor: 'join-token', evidence: { token: 'guess' }, publicKey: generateSigningKey('ES256').publicJwk },
    })
    test.clock.jump(100)
    const scrape = await test.scrape()
    const route = 'listener="machine",method="POST",route="/v1/agent/x509-svids"'
    expect(scrape.value(`http_requests_total{${route},status="200"}`)).toBe(1)
    expect(scrape.value(`http_requests_total{${route},status="403"}`)).toBe(1)
    expect(scrape.value('http_request_duration_seconds_count{listener="machine",route="/v1/agent/x509-svids"}')).toBe(2)
    expect(scrape.value('credentials_issued_total{kind="x509-svid"}')).toBe(1)
    expect(scrape.value('credentials_issued_total{kind="agent-svid"}')).toBe(1)
    expect(scrape.value('credentials_refused_total{kind="x509-svid",reason="ERR_ENTITLEMENT_ENTRY"}')).toBe(1)
    const attestations = 'node_attestations_total{attestor="join-token"'
    expect(scrape.value(`${attestations},outcome="success",reason="none"}`)).toBe(1)
    expect(scrape.value(`${attestations},outcome="failure",reason="ERR_ATTESTATION_TOKEN_UNKNOWN"}`)).toBe(1)
    expect(scrape.value('entries')).toBe(1)
    expect(scrape.value('nodes{state="active"}')).toBe(1)
    expect(scrape.value('sync_streams')).toBe(1)
    expect(scrape.value('authority_expiry_seconds{kind="x509"}')).toBe(86_300)
    expect(scrape.value('authorities{kind="jwt",state="active"}')).toBe(1)
    expect(scrape.value('crl_age_seconds')).toBeGreaterThanOrEqual(100)
    expect(scrape.value('ready')).toBe(1)
    expect(scrape.value('build_info{version="0.1.0"}')).toBe(1)
    expect(scrape.value('changes_total{kind="entry.created"}')).toBe(1)
    expect(scrape.value('revision')).toBe((await test.admin('/v1/status')).body.revision)
    expect(scrape.value('signatures_total{outcome="success"}')).toBeGreaterThan(1)
    expect(scrape.value('store_transaction_duration_seconds_count{access="change"}')).toBeGreaterThan(1)
    expect(scrape.value('store_wait_duration_seconds_count{access="read"}')).toBeGreaterThan(1)
    // The one that reads these numbers.
    expect(scrape.value('store_transactions_pending')).toBeLessThanOrEqual(2)
  })

  it('have a stream without a duration, or it would be hours', async () => {
    const test = await startWatched()
    const agent = await test.attestedAgent()
    const events = await agent.events()
    await events.until(({ states }) => states.length === 1)
    await test.admin('/v1/nodes/evict', { body: { agentId: agent.agentId } })
    await events.ended()
    const sample = 'http_requests_total{listener="machine",method="GET",route="/v1/agent/events",status="200"}'
    await expect.poll(async () => (await test.scrape()).value(sample)).toBe(1)
    expect((await test.scrape()).text).not.toContain('_bucket{le="1",listener="machine",route="/v1/agent/events"}')
    expect((await test.scrape()).text).not.toMatch(
      /duration_seconds_count\{listener="machine",route="\/v1\/agent\/events"/,
    )
  })

  it('count federation by trust domain, and the age of what was fetched', async () => {
    const test = await startWatched()
    const body = { trustDomain: 'partner.test', bundleEndpointUrl: 'https://127.0.0.1:1/', profile: 'https_web' }
    await test.admin('/v1/federations', { body })
    await test.admin('/v1/federations/partner.test/refresh', { method: 'POST' })
    const failed =
      'federation_refreshes_total{trust_domain="partner.test",outcome="failure",reason="ERR_FEDERATION_ADDRESS"}'
    expect((await test.scrape()).value(failed)).toBe(1)
    await test.admin('/v1/bundles/partner.test', { method: 'PUT', body: { keys: [] } })
    test.clock.jump(50)
    const age = 'bundle_age_seconds{trust_domain="partner.test"}'
    const found = (await test.scrape()).value(age)
    expect([undefined, 50]).toContain(found)
    await test.admin('/v1/federations/partner.test', { method: 'DELETE' })
    expect((await test.scrape()).value(age)).toBeUndefined()
  })

  it('carry nothing that a stranger chose, and no identifier of a workload', async () => {
    const test = await startWatched()
    const agent = await issueTo(test, '/secret-node')
    const evil = 'evil"}\n'
    for (let index = 0; index < 40; index++) {
      const body = { attestor: `evil-${index}`, evidence: { token: evil }, publicKey: { kty: 'EC' } }
      await callHttps(`${test.server.machineUrl}/v1/agent/attest`, { body })
      await callHttps(`${test.server.publicUrl}/evil/${index}?evil=${encodeURIComponent(evil)}`)
    }
    const scrape = await test.scrape()
    expect(scrape.text).not.toContain('evil')
    expect(scrape.text).not.toContain('orders')
    expect(scrape.text).not.toContain(agent.agentId)
    expect(scrape.text).not.toContain('secret-node')
    expect(
      scrape.value('node_attestations_total{attestor="unknown",outcome="failure",reason="ERR_NODE_ATTESTOR"}'),
    ).toBe(40)
    expect(scrape.value('http_requests_total{listener="public",method="GET",route="none",status="404"}')).toBe(40)
  })

  it('are all there is, and all are defined', async () => {
    const test = await startWatched()
    const own = [...(await test.scrape()).names].filter((name) => name.startsWith('countersign_'))
    const defined = new Set(Object.keys(SERVER_METRICS))
    expect(own.filter((name) => !defined.has(name.replace(/_(?:bucket|sum|count)$/, '')))).toEqual([])
  })
})

describe('a server without telemetry', () => {
  it('has no listener for it', async () => {
    expect((await startTestServer()).server.telemetryUrl).toBeUndefined()
  })
})
