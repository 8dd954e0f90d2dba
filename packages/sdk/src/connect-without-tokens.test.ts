/** Agents that have certificates and no identity tokens, as SPIRE's. */
import { expectCode } from '@countersign/testing'
import { status } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { connect } from './connect.ts'
import { bundlesOf } from './test-support/deliveries.ts'
import { eventually, Host } from './test-support/host.ts'
import { TlsWorld } from './test-support/tls-world.ts'
import { x509Response } from './test-support/x509-domain.ts'

let host: Host
let world: TlsWorld

beforeEach(async () => {
  host = await Host.start()
  world = new TlsWorld()
  await host.clock.advance(world.clock.now() - host.clock.now())
  host.agent.endIdentities(status.UNIMPLEMENTED)
  host.agent.endBundles(status.UNIMPLEMENTED)
})

afterEach(async () => {
  await world[Symbol.asyncDispose]()
  await host[Symbol.asyncDispose]()
})

const giveCertificate = () => host.agent.giveCertificates(x509Response([world.shop.svid('/storefront')], []))

describe('an agent without identity tokens', () => {
  it('is enough for mutual TLS', async () => {
    giveCertificate()
    const workload = await host.connect()
    expect(workload.id.toString()).toBe('spiffe://shop.example/storefront')
    const { addressUrl } = await world.serve(world.party(world.shop.svid('/orders')))
    const response = await workload.fetch(addressUrl, { proof: 'mtls', peer: 'spiffe://shop.example/orders' })
    expect(await response.text()).toBe('spiffe://shop.example/storefront')
  })

  it('is enough when it offers one of the two token streams', async () => {
    host.agent.giveBundles(bundlesOf(host.domain))
    giveCertificate()
    expect((await host.connect()).id.path).toBe('/storefront')
  })

  it('cannot prove by tokens, and the error says what to do', async () => {
    giveCertificate()
    const workload = await host.connect()
    const error = await expectCode(workload.fetch('https://orders.example/'), 'ERR_SDK_NO_TOKENS')
    expect(error.message).toMatch(/mutual TLS/)
    await expectCode(() => workload.identity, 'ERR_SDK_NO_TOKENS')
    expect(workload.identities).toEqual([])
  })

  it('waits for a certificate, and no longer than it was told to', async () => {
    const refused = expectCode(host.connect({ timeoutMs: 5_000 }), 'ERR_SDK_NO_IDENTITY')
    await eventually(() => expect(host.agent.openStreams).toBe(1))
    await host.clock.advance(5)
    await refused
    expect(host.clock.pendingTimers).toBe(0)
  })

  it('says so once, where nobody else is told', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    giveCertificate()
    const runtime = { now: () => host.clock.now(), schedule: host.clock.schedule.bind(host.clock) }
    await using workload = await connect({ address: host.agent.address, runtime })
    const warnings = warn.mock.calls.map(([text]) => String(text))
    warn.mockRestore()
    expect(workload.id.path).toBe('/storefront')
    expect(warnings).toEqual([expect.stringMatching(/^no identity tokens here: .*ERR_WORKLOAD_API_UNIMPLEMENTED/)])
  })

  it('keeps the certificate current', async () => {
    giveCertificate()
    const workload = await host.connect()
    host.agent.giveCertificates(x509Response([world.bank.svid('/ledger')], []))
    await eventually(() => expect(workload.id.toString()).toBe('spiffe://bank.example/ledger'))
  })
})
