import { expectCode } from '@countersign/testing'
import { EndpointError } from '@countersign/workload-api'
import { status } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { connect } from './connect.ts'
import type { SdkError } from './sdk-error.ts'
import { bundlesOf } from './test-support/deliveries.ts'
import { eventually, Host } from './test-support/host.ts'
import type { Workload } from './workload.ts'

let host: Host
let agent: Host['agent']
let clock: Host['clock']
let domain: Host['domain']
let failures: Host['failures']

beforeEach(async () => {
  host = await Host.start()
  ;({ agent, clock, domain, failures } = host)
})

afterEach(() => host[Symbol.asyncDispose]())

describe('the first identity', () => {
  it('is the default one; others keep their hints', async () => {
    agent.giveIdentities(
      host.identity('/orders', { hint: 'internal' }),
      host.identity('/orders-out', { hint: 'external' }),
    )
    agent.giveBundles(bundlesOf(domain))
    const workload = await host.connect()
    expect(workload.id.toString()).toBe('spiffe://shop.example/orders')
    expect(workload.identities.map(({ id, hint }) => [id.path, hint])).toEqual([
      ['/orders', 'internal'],
      ['/orders-out', 'external'],
    ])
    expect(workload.identity.expiresAt).toBe(clock.now() + 3600)
  })

  it('has no hint when the operator gave none', async () => {
    expect((await host.connectOrders()).identity.hint).toBe(undefined)
  })

  it.each(['identity', 'trust'])(
    'is not enough without the other of identity and trust: %s comes last',
    async (last) => {
      const give = {
        identity: () => agent.giveIdentities(host.identity('/orders')),
        trust: () => agent.giveBundles(bundlesOf(domain)),
      }
      const early = last === 'trust' ? 'identity' : 'trust'
      give[early]()
      let settled = false
      const connecting = host.connect().finally(() => {
        settled = true
      })
      await eventually(() => expect(agent.openStreams).toBe(2))
      await clock.advance(1)
      expect(settled).toBe(false)
      give[last as keyof typeof give]()
      const workload = await connecting
      expect(workload.identities.length).toBe(1)
      expect(workload.trust.origins()).toEqual(['spiffe://shop.example'])
    },
  )

  it('leaves no timer behind', async () => {
    await host.connectOrders()
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('no identity', () => {
  async function timeOut(connecting: Promise<Workload>): Promise<SdkError> {
    const refused = expectCode(connecting, 'ERR_SDK_NO_IDENTITY')
    await eventually(() => expect(failures.length).toBeGreaterThanOrEqual(2))
    await clock.advance(40)
    return (await refused) as SdkError
  }

  it('tells a program that is refused to register, and keeps the refusal as cause', async () => {
    agent.withdraw()
    const error = await timeOut(host.connect())
    expect(error.message).toMatch(/countersign entry create/)
    expect(error.cause).toMatchObject({ code: 'ERR_WORKLOAD_API_DENIED' })
  })

  it.each([
    ['identity', status.PERMISSION_DENIED, status.UNAVAILABLE],
    ['trust', status.UNAVAILABLE, status.PERMISSION_DENIED],
  ])('speaks of a refusal (of %s) before it speaks of anything else', async (_name, identity, trust) => {
    agent.endIdentities(identity)
    agent.endBundles(trust)
    expect((await timeOut(host.connect())).message).toMatch(/countersign entry create/)
  })

  it('tells a program without an agent to start it', async () => {
    agent.goAway()
    const error = await timeOut(host.connect())
    expect(error.message).toMatch(/is the agent running/)
    expect(error.message).toMatch(/SPIFFE_ENDPOINT_SOCKET/)
  })

  it('says when all that came was unreadable', async () => {
    agent.giveIdentities({ ...host.identity('/orders'), witSvidKey: '{"kty":"secret"}' })
    agent.endBundles(status.UNAVAILABLE)
    const error = await timeOut(host.connect())
    expect(error.message).toBe('the agent delivered an identity that cannot be read')
  })

  it('waits as long as it was told to, and not longer', async () => {
    agent.goAway()
    let settled = false
    const refused = expectCode(host.connect({ timeoutMs: 5_000 }), 'ERR_SDK_NO_IDENTITY').finally(() => {
      settled = true
    })
    await clock.advance(4)
    expect(settled).toBe(false)
    await clock.advance(1)
    await refused
    expect(clock.pendingTimers).toBe(0)
  })

  it.each([
    ['UNIMPLEMENTED', status.UNIMPLEMENTED, /does not offer/],
    ['INVALID_ARGUMENT', status.INVALID_ARGUMENT, /does not understand/],
  ])('is final at once after %s: asking again does not help', async (_name, code, message) => {
    agent.endIdentities(code)
    agent.endBundles(code)
    agent.endCertificates(code)
    const error = await expectCode(host.connect(), 'ERR_SDK_NO_IDENTITY')
    expect(error.message).toMatch(message)
  })

  it('without an address names the variable to set', async () => {
    const before = process.env['SPIFFE_ENDPOINT_SOCKET']
    delete process.env['SPIFFE_ENDPOINT_SOCKET']
    try {
      const error = await expectCode(connect(), 'ERR_ENDPOINT_MISSING')
      expect(error).toBeInstanceOf(EndpointError)
      expect(error.message).toMatch(/SPIFFE_ENDPOINT_SOCKET/)
    } finally {
      if (before !== undefined) process.env['SPIFFE_ENDPOINT_SOCKET'] = before
    }
  })
})

describe('the signal', () => {
  it('ends the wait and the streams', async () => {
    const abort = new AbortController()
    const refused = expectCode(host.connect({ signal: abort.signal }), 'ERR_SDK_CLOSED')
    await eventually(() => expect(agent.openStreams).toBe(2))
    abort.abort()
    await refused
    await eventually(() => expect(agent.openStreams).toBe(0))
    expect(clock.pendingTimers).toBe(0)
  })

  it('that has fired already opens nothing', async () => {
    await expectCode(host.connectOrders({ signal: AbortSignal.abort() }), 'ERR_SDK_CLOSED')
    expect(agent.openStreams).toBe(0)
  })

  it('closes an open workload', async () => {
    const abort = new AbortController()
    const workload = await host.connectOrders({ signal: abort.signal })
    abort.abort()
    await expectCode(() => workload.identity, 'ERR_SDK_CLOSED')
    await eventually(() => expect(agent.openStreams).toBe(0))
  })

  it('keeps nothing of a workload that was closed', async () => {
    const abort = new AbortController()
    const removed = vi.fn()
    const add = abort.signal.addEventListener.bind(abort.signal)
    vi.spyOn(abort.signal, 'addEventListener').mockImplementation((type, listener, options) => {
      if (typeof options === 'object') options.signal?.addEventListener('abort', removed)
      add(type, listener as never, options)
    })
    const workload = await host.connectOrders({ signal: abort.signal })
    expect(removed).not.toHaveBeenCalled()
    workload.close()
    expect(removed).toHaveBeenCalledOnce()
  })
})

describe('without onFailure', () => {
  async function warningsOf(run: (warnings: string[]) => Promise<void>): Promise<void> {
    const warnings: string[] = []
    const spy = vi.spyOn(process, 'emitWarning').mockImplementation((warning) => {
      warnings.push(String(warning))
    })
    try {
      await run(warnings)
    } finally {
      spy.mockRestore()
    }
  }
  const runtime = () => ({ now: () => clock.now(), schedule: clock.schedule.bind(clock) })

  it('one warning says why the program waits', async () => {
    await warningsOf(async (warnings) => {
      agent.withdraw()
      const refused = expectCode(connect({ address: agent.address, runtime: runtime() }), 'ERR_SDK_NO_IDENTITY')
      await eventually(() => expect(warnings.length).toBe(1))
      await clock.advance(40)
      await refused
      expect(warnings.length).toBe(1)
      expect(warnings[0]).toMatch(/^still waiting for an identity: .*ERR_WORKLOAD_API_DENIED/)
    })
  })

  it('one warning says that an identity is no longer kept current', async () => {
    await warningsOf(async (warnings) => {
      agent.giveIdentities(host.identity('/orders'))
      agent.giveBundles(bundlesOf(domain))
      await using _workload = await connect({ address: agent.address, runtime: runtime() })
      agent.giveIdentities()
      await eventually(() => expect(warnings.length).toBe(1))
      expect(warnings[0]).toMatch(/^identity is not kept current: .*ERR_SDK_WORKLOAD_API/)
    })
  })
})

describe('close', () => {
  it('ends all streams and timers, and gives up keys and trust', async () => {
    const workload = await host.connectOrders()
    expect(agent.openStreams).toBe(2)
    workload.close()
    await eventually(() => expect(agent.openStreams).toBe(0))
    await expectCode(() => workload.identity, 'ERR_SDK_CLOSED')
    await expectCode(() => workload.id, 'ERR_SDK_CLOSED')
    await expectCode(workload.fetch('http://127.0.0.1:1/'), 'ERR_SDK_CLOSED')
    expect(workload.identities).toEqual([])
    expect(workload.trust.origins()).toEqual([])
    expect(clock.pendingTimers).toBe(0)
    expect(failures).toEqual([])
  })

  it('happens by itself at the end of a scope', async () => {
    {
      await using workload = await host.connectOrders()
      expect(workload.id.path).toBe('/orders')
    }
    await eventually(() => expect(agent.openStreams).toBe(0))
  })

  it('may be called twice', async () => {
    const workload = await host.connectOrders()
    workload.close()
    workload.close()
    await expectCode(() => workload.identity, 'ERR_SDK_CLOSED')
  })

  it('cancels a retry under way', async () => {
    const workload = await host.connectOrders()
    agent.goAway()
    await eventually(() => expect(clock.pendingTimers).toBe(2))
    workload.close()
    await eventually(() => expect(clock.pendingTimers).toBe(0))
  })

  it('is not undone by a message that was under way', async () => {
    const workload = await host.connectOrders()
    agent.giveIdentities(host.identity('/late'))
    workload.close()
    await eventually(() => expect(agent.openStreams).toBe(0))
    expect(workload.identities).toEqual([])
  })
})
