import { WorkloadId } from '@countersign/protocol'
import { describe, expect, it } from 'vitest'
import { parseAgentConfig } from './agent-config.ts'

const id = 'spiffe://example.org/mesh/proxy'
const minimal = {
  trustDomain: 'example.org',
  dataDir: './data',
  server: { url: 'https://server.example.org:8441' },
  nodeAttestor: { name: 'join-token', config: { tokenFile: './token' } },
}
const parse = (broker: unknown) => parseAgentConfig({ ...minimal, broker }, '/etc/countersign').broker

describe('the settings of the Broker API', () => {
  it('are off by default, and otherwise strict ones', () => {
    expect(parseAgentConfig(minimal, '/etc/countersign').broker).toBe(undefined)
    const broker = parse({ socket: './broker.sock', brokers: [{ id }] })
    expect(broker).toMatchObject({
      socket: { path: '/etc/countersign/broker.sock', mode: 0o660 },
      limits: { connections: 64, connectionsPerBroker: 8, callsPerBroker: 1024, handshakeTimeout: 10 },
    })
    expect(broker?.tcp).toBe(undefined)
    const grant = broker?.policy.grantOf(WorkloadId.parse(id))
    expect([grant?.allowsReference('pid'), grant?.allowsIdentity('spiffe://example.org/shop')]).toEqual([true, false])
    expect(parse({ tcp: { port: 8442 }, brokers: [{ id }] })?.tcp).toEqual({ host: '127.0.0.1', port: 8442 })
  })

  it.each([
    ['that listen nowhere', { brokers: [{ id }] }],
    ['without brokers', { socket: 's', brokers: [] }],
    ['with a broker named twice', { socket: 's', brokers: [{ id }, { id }] }],
    ['with a broker that is a pattern', { socket: 's', brokers: [{ id: 'spiffe://example.org/mesh/*' }] }],
    ['with a broker that is a trust domain', { socket: 's', brokers: [{ id: 'spiffe://example.org' }] }],
    [
      'with identities of another trust domain',
      { socket: 's', brokers: [{ id, identities: [{ root: 'spiffe://example.org.evil/a', match: 'exact' }] }] },
    ],
    [
      'with the whole trust domain, unless that is said',
      { socket: 's', brokers: [{ id, identities: [{ root: 'spiffe://example.org', match: 'descendants' }] }] },
    ],
    ['with a way to refer that there is not', { socket: 's', brokers: [{ id, references: ['kubernetes'] }] }],
    ['with a broker of another scheme', { socket: 's', brokers: [{ id: 'wimse://example.org/mesh/proxy' }] }],
    ['with a mode that is none', { socket: 's', socketMode: '660', brokers: [{ id }] }],
    ['with a path that is too long', { socket: `/${'a'.repeat(107)}`, brokers: [{ id }] }],
  ])('are refused %s', (_, broker) => {
    expect(() => parse(broker)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG_INVALID' }))
  })
})
