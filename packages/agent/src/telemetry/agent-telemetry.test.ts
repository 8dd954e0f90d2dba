import { describe, expect, it } from 'vitest'
import { entry } from '../test-support/fake-server.ts'
import { eventually, reader, startReadyWorld, startWorld, type World } from '../test-support/running-agent.ts'
import { AGENT_METRICS } from './agent-metrics.ts'

const watched = { config: { telemetry: { host: '127.0.0.1', port: 0 } } }
const withEntry = {
  ...watched,
  prepare: (server: World['server']) => server.set({ entries: [entry('e1', '/orders')] }),
}

async function scrape({ agent }: World) {
  const text = await (await fetch(`${agent.telemetryUrl}/metrics`)).text()
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const values = new Map(samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]))
  return { text, values, value: (sample: string) => values.get(`countersign_agent_${sample}`) }
}

describe('metrics of an agent', () => {
  it('say what programs were given', async () => {
    const world = await startReadyWorld(withEntry)
    const client = world.client()
    const stream = reader(client.fetchX509Svid())
    await stream.next()
    await client.fetchJwtSvid({ audience: ['a'] })
    world.clock.jump(20)
    const { value } = await scrape(world)
    expect(value('ready')).toBe(1)
    expect(value('build_info{version="0.1.0"}')).toBe(1)
    expect(value('server_connected')).toBe(1)
    expect(value('sync_age_seconds')).toBe(20)
    expect(value('sync_revision')).toBe(1)
    expect(value('entries')).toBe(1)
    expect(value('svid_expiry_seconds')).toBe(3580)
    expect(value('workload_connections')).toBe(1)
    expect(value('workload_streams')).toBe(1)
    expect(value('credentials{kind="x509-svid"}')).toBe(1)
    expect(value('credential_fetches_total{kind="jwt-svid",outcome="issued",reason="none"}')).toBe(1)
    expect(value('attestations_total{outcome="success",reason="none"}')).toBe(1)
    expect(value('attestation_duration_seconds_count')).toBe(1)
    expect(value('workload_calls_total{method="/SpiffeWorkloadAPI/FetchJWTSVID",status="OK"}')).toBe(1)
    expect(value('workload_call_duration_seconds_count{method="/SpiffeWorkloadAPI/FetchJWTSVID"}')).toBe(1)
    expect(value('server_requests_total{route="/v1/agent/jwt-svids",outcome="success",reason="none"}')).toBe(1)
    expect(value('push_duration_seconds_count')).toBe(0)
    world.server.change(() => world.server.set({ entries: [entry('e1', '/orders'), entry('e2', '/two')] }))
    await stream.next()
    await expect.poll(async () => (await scrape(world)).value('push_duration_seconds_count')).toBe(1)
    await stream.stop()
    const ended = 'workload_calls_total{method="/SpiffeWorkloadAPI/FetchX509SVID",status="CANCELLED"}'
    await expect.poll(async () => (await scrape(world)).value(ended)).toBe(1)
    expect((await scrape(world)).value('workload_streams')).toBe(0)
  })

  it('say why programs were denied', async () => {
    const world = await startReadyWorld(watched)
    const client = world.client()
    const refused = { code: expect.stringMatching(/^ERR_WORKLOAD_API_/) }
    await expect(client.fetchJwtSvid({ audience: ['a'] })).rejects.toMatchObject(refused)
    await expect(client.fetchJwtSvid({ audience: [] })).rejects.toMatchObject(refused)
    await expect(reader(client.fetchX509Svid()).next()).rejects.toMatchObject(refused)
    world.programs.fail = true
    world.clock.jump(10)
    await expect(client.fetchJwtSvid({ audience: ['a'] })).rejects.toMatchObject(refused)
    world.programs.fail = false
    world.server.change(() => world.server.set({ entries: [entry('e1', '/orders')], failing: true }))
    world.clock.jump(10)
    const failed = 'credential_fetches_total{kind="jwt-svid",outcome="failed",reason="ERR_AGENT_SERVER_FAILED"}'
    await expect
      .poll(async () => {
        await expect(client.fetchJwtSvid({ audience: ['a'] })).rejects.toMatchObject(refused)
        return (await scrape(world)).value(failed) ?? 0
      })
      .toBeGreaterThan(0)
    const { value } = await scrape(world)
    expect(value('denials_total{reason="no_identity"}')).toBeGreaterThanOrEqual(2)
    expect(value('denials_total{reason="invalid_request"}')).toBe(1)
    expect(value('denials_total{reason="attestation"}')).toBe(1)
    expect(value('denials_total{reason="server"}')).toBeGreaterThanOrEqual(1)
    expect(value('attestations_total{outcome="failure",reason="ERR_ATTESTATION_NOT_POSSIBLE"}')).toBe(1)
  })

  it('carry no identifier of a workload, no audience, no selector, and nothing that is not defined', async () => {
    const world = await startReadyWorld(withEntry)
    for (let index = 0; index < 40; index++) await world.client().fetchJwtSvid({ audience: [`evil-${index}"}`] })
    const { text, values } = await scrape(world)
    expect(text).not.toMatch(/evil|orders|spiffe:|"all"|eyJ/)
    const own = [...values.keys()]
      .map((sample) => sample.replace(/\{.*/, ''))
      .filter((name) => name.startsWith('countersign_'))
    const defined = new Set(Object.keys(AGENT_METRICS))
    expect(own.filter((name) => !defined.has(name.replace(/_(?:bucket|sum|count)$/, '')))).toEqual([])
  })
})

describe('health of an agent', () => {
  const ready = async ({ agent }: World) => {
    const response = await fetch(`${agent.telemetryUrl}/ready`)
    return { status: response.status, body: JSON.parse(await response.text()) }
  }
  const reasonOf = (body: { checks: { name: string; reason?: string }[] }, name: string) =>
    body.checks.find((check) => check.name === name)?.reason

  it('is not ready before it has anything to serve, and says why without a line in the log', async () => {
    const world = await startWorld({ ...watched, tokens: [] })
    await eventually(() => world.log.with('this node cannot prove itself to the server').length > 0)
    const before = world.log.records.length
    const { status, body } = await ready(world)
    expect(status).toBe(503)
    expect(body.status).toBe('not ready')
    expect(reasonOf(body, 'registration')).toBe('no registration data from the server yet')
    expect(reasonOf(body, 'identity')).toBe('agent is not attested yet, and keeps nothing to serve')
    expect(reasonOf(body, 'server')).toBe('never heard of: ERR_ATTESTATION_NOT_POSSIBLE')
    expect((await fetch(`${world.agent.telemetryUrl}/live`)).status).toBe(200)
    expect(world.log.records.length).toBe(before)
  })

  it('stays ready while it serves what it holds, and is not when that has ended', async () => {
    const world = await startReadyWorld({ ...withEntry, tokens: ['good-token'] })
    await reader(world.client().fetchX509Svid()).next()
    expect((await ready(world)).status).toBe(200)
    await world.server.down()
    await eventually(
      () => world.log.with('connection to the server is lost, valid identities are still served').length > 0,
    )
    world.clock.jump(10)
    const away = await ready(world)
    expect(away.status).toBe(200)
    expect(away.body.checks).toContainEqual({
      name: 'server',
      status: 'warning',
      reason: expect.stringMatching(/^last heard of \d+ seconds ago: ERR_AGENT_SERVER_/),
    })
    world.clock.jump(3600)
    const over = await ready(world)
    expect(over.status).toBe(503)
    expect(reasonOf(over.body, 'identity')).toMatch(
      /own X509-SVID ended \d+ seconds ago, and it keeps nothing to serve/,
    )
  })

  it('is not ready when it is banned', async () => {
    const world = await startReadyWorld(withEntry)
    world.server.change(() => world.server.set({ banned: true }))
    world.server.endStreams()
    await eventually(() => {
      void world.clock.advance(1)
      return world.log.records.some(({ message }) => message.includes('does not accept this agent any more'))
    })
    world.clock.jump(2)
    expect(reasonOf((await ready(world)).body, 'registration')).toBe('the server does not accept this agent any more')
  })
})
