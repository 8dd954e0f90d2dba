import { FakeClock, settle } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { RecordingLogger } from '../test-support/recording-logger.ts'
import { CredentialCache } from './credential-cache.ts'

function start(options: { maxEntries?: number; random?: () => number } = {}) {
  const clock = new FakeClock()
  const log = new RecordingLogger()
  const cache = new CredentialCache<{ expiresAt: number; serial: number }>({
    clock,
    log,
    random: options.random ?? (() => 0.5),
    maxEntries: options.maxEntries ?? 10,
    kind: 'test',
  })
  const issuer = { issued: 0, away: false, hanging: false, ttl: 100 }
  const fetch = async () => {
    issuer.issued += 1
    if (issuer.hanging) await new Promise(() => {})
    if (issuer.away) throw new Error('away')
    return { expiresAt: clock.now() + issuer.ttl, serial: issuer.issued }
  }
  const serial = async (key = 'a') => (await cache.get(key, fetch)).credential.serial
  return { clock, log, cache, issuer, fetch, serial }
}

describe('CredentialCache', () => {
  it('fetches once for callers that ask at the same time', async () => {
    const { serial, issuer } = start()
    expect(await Promise.all([serial(), serial(), serial()])).toEqual([1, 1, 1])
    expect(issuer.issued).toBe(1)
  })

  it('renews at half-life', async () => {
    const { serial, clock } = start()
    await serial()
    await clock.advance(49)
    expect(await serial()).toBe(1)
    await clock.advance(1)
    expect(await serial()).toBe(2)
  })

  it('spreads renewals by a tenth of the lifetime either way', async () => {
    for (const [random, expected] of [
      [0, 40],
      [0.999_999, 59],
    ] as const) {
      const { cache, fetch, clock } = start({ random: () => random })
      const { renewAt } = await cache.get('a', fetch)
      expect(renewAt - clock.now()).toBe(expected)
    }
  })

  it('keeps the current one while the issuer is away, and never returns it after its end', async () => {
    const { serial, clock, issuer } = start()
    await serial()
    issuer.away = true
    await clock.advance(99)
    expect(await serial()).toBe(1)
    await clock.advance(1)
    await expect(serial()).rejects.toThrow('away')
  })

  it('never returns what is issued expired', async () => {
    const { serial, issuer } = start()
    issuer.ttl = 0
    await expect(serial()).rejects.toMatchObject({ code: 'ERR_AGENT_CREDENTIAL' })
  })

  it('does not ask an issuer that is away at every call', async () => {
    const { serial, clock, issuer } = start()
    await serial()
    await clock.advance(60)
    issuer.away = true
    await serial()
    await serial()
    await serial()
    expect(issuer.issued).toBe(2)
    await clock.advance(10)
    await serial()
    expect(issuer.issued).toBe(3)
  })

  it('does not make a caller with a good credential wait for an issuer that hangs', async () => {
    const { serial, clock, issuer } = start()
    await serial()
    await clock.advance(60)
    issuer.hanging = true
    const answer = serial()
    await clock.advance(2)
    expect(await answer).toBe(1)
  })

  it('tells when to ask again, later than now even when renewal just failed', async () => {
    const { cache, fetch, clock, issuer } = start()
    expect((await cache.get('a', fetch)).renewAt).toBe(clock.now() + 50)
    await clock.advance(60)
    issuer.away = true
    const { renewAt, credential } = await cache.get('a', fetch)
    expect(renewAt).toBeGreaterThan(clock.now())
    expect(renewAt).toBeLessThanOrEqual(credential.expiresAt)
  })

  it('tells of renewals and not of first credentials', async () => {
    const { serial, clock, cache } = start()
    let told = 0
    const stop = cache.subscribe(() => {
      told += 1
    })
    await serial()
    expect(told).toBe(0)
    await clock.advance(60)
    await serial()
    expect(told).toBe(1)
    stop()
    await clock.advance(60)
    await serial()
    expect(told).toBe(1)
  })

  it('forgets the one unused for longest when it is full', async () => {
    const { serial, cache } = start({ maxEntries: 2 })
    expect([await serial('a'), await serial('b')]).toEqual([1, 2])
    expect(await serial('a')).toBe(1)
    expect(await serial('c')).toBe(3)
    expect(cache.size).toBe(2)
    expect(await serial('a')).toBe(1)
    expect(await serial('b')).toBe(4)
  })

  it('keeps no trace of what could not be fetched', async () => {
    const { serial, cache, issuer, log } = start()
    issuer.away = true
    await expect(serial()).rejects.toThrow('away')
    expect(cache.size).toBe(0)
    expect(log.with('credential could not be fetched')).toHaveLength(1)
    issuer.away = false
    expect(await serial()).toBe(2)
  })

  it('forgets what it is told to and keeps the rest', async () => {
    const { serial, cache } = start()
    expect([await serial('a'), await serial('b')]).toEqual([1, 2])
    cache.forget((credential) => credential.serial === 1)
    expect([await serial('a'), await serial('b')]).toEqual([3, 2])
  })

  it('does not keep what was being fetched when it forgot', async () => {
    const { cache, clock, serial } = start()
    let arrive = (_: { expiresAt: number; serial: number }) => {}
    const first = cache.get(
      'a',
      () =>
        new Promise((resolve) => {
          arrive = resolve
        }),
    )
    cache.forget(() => false)
    arrive({ expiresAt: clock.now() + 100, serial: 99 })
    await first
    expect(await serial('a')).toBe(1)
  })

  it('recovers from a renewal that failed in the background', async () => {
    const { serial, clock, issuer } = start()
    await serial()
    await clock.advance(60)
    issuer.away = true
    await serial()
    issuer.away = false
    await clock.advance(5)
    expect(await serial()).toBe(3)
    await settle()
  })
})

describe('CredentialCache with credentials that are to be replaced', () => {
  const isOld = ({ serial }: { serial: number }) => serial <= 2

  it('renews them with their next use, and tells those who use them at once', async () => {
    const { cache, serial } = start()
    await serial('a')
    await serial('b')
    let told = 0
    cache.subscribe(() => told++)
    cache.expedite(isOld)
    expect(told).toBe(1)
    expect(await serial('a')).toBe(3)
    expect(cache.count(isOld)).toBe(1)
    cache.expedite(({ serial }) => serial > 100)
    expect(told).toBe(2)
  })

  it('goes on serving them while there are no others', async () => {
    const { cache, serial, issuer } = start()
    await serial()
    issuer.away = true
    cache.expedite(isOld)
    expect(await serial()).toBe(1)
    expect(cache.count(isOld)).toBe(1)
  })

  it('tries at once, however often it failed before', async () => {
    const { cache, serial, clock, issuer } = start()
    await serial()
    issuer.away = true
    await clock.advance(60)
    expect(await serial()).toBe(1)
    issuer.away = false
    cache.expedite(isOld)
    expect(await serial()).toBe(3)
  })

  it('forgets those that nobody has used since', async () => {
    const { cache, serial, issuer } = start()
    await serial('used')
    await serial('unused')
    cache.forgetUnused(isOld)
    expect(cache.size).toBe(2)
    cache.expedite(isOld)
    issuer.away = true
    expect(await serial('used')).toBe(1)
    cache.forgetUnused(isOld)
    expect(cache.size).toBe(1)
    expect(await serial('used')).toBe(1)
    issuer.away = false
    expect(await serial('unused')).toBe(4)
  })
})
