import { FakeClock, settle } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { RecordingLogger } from '../test-support/recording-logger.ts'
import { CredentialCache } from './credential-cache.ts'

interface Credential {
  readonly issuedAt: number
  readonly expiresAt: number
  readonly serial: number
}

function start(options: { maxEntries?: number; random?: () => number } = {}) {
  const clock = new FakeClock()
  const log = new RecordingLogger()
  const issuer = { issued: 0, away: false, hanging: false, ttl: 100, clockAhead: 0, changes: 0 }
  const answers: Promise<Credential>[] = []
  const cache = new CredentialCache<Credential>({
    clock,
    log,
    random: options.random ?? (() => 0.5),
    maxEntries: options.maxEntries ?? 10,
    kind: 'test',
    async fetch() {
      issuer.issued += 1
      if (issuer.hanging) await new Promise(() => {})
      if (issuer.away) throw new Error('away')
      const issuedAt = clock.now() + issuer.clockAhead
      return answers.shift() ?? { issuedAt, expiresAt: issuedAt + issuer.ttl, serial: issuer.issued }
    },
    onChange: () => {
      issuer.changes += 1
    },
  })
  const serial = async (key = 'a') => (await cache.get(key)).credential.serial
  return { clock, log, cache, issuer, answers, serial }
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
      const { cache, clock } = start({ random: () => random })
      const { renewAt } = await cache.get('a')
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
    const { cache, clock, issuer } = start()
    expect((await cache.get('a')).renewAt).toBe(clock.now() + 50)
    await clock.advance(60)
    issuer.away = true
    const { renewAt, credential } = await cache.get('a')
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
    const { cache, clock, serial, answers } = start()
    const { promise, resolve: arrive } = Promise.withResolvers<Credential>()
    answers.push(promise)
    const first = cache.get('a')
    cache.forget(() => false)
    arrive({ issuedAt: clock.now(), expiresAt: clock.now() + 100, serial: 99 })
    await first
    expect(await serial('a')).toBe(2)
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

describe('CredentialCache between uses', () => {
  it('renews what is in use at half-life, so that nobody sees the issuer away at the end', async () => {
    const { serial, clock, cache, issuer } = start()
    await serial()
    await clock.advance(49)
    cache.tend()
    expect(issuer.issued).toBe(1)
    await clock.advance(1)
    cache.tend()
    await settle()
    expect(issuer.issued).toBe(2)
    issuer.away = true
    await clock.advance(51)
    expect(await serial()).toBe(2)
  })

  it('does not renew what nobody has asked for within a lifetime, and forgets it at its end', async () => {
    const { serial, clock, cache, issuer } = start()
    await serial()
    for (let second = 0; second < 400; second++) {
      await clock.advance(1)
      cache.tend()
    }
    expect(issuer.issued).toBe(2)
    expect(cache.size).toBe(0)
  })

  it('goes on trying for what is in use while the issuer is away, more and more rarely', async () => {
    const { serial, clock, cache, issuer } = start()
    await serial()
    issuer.away = true
    for (let second = 0; second < 99; second++) {
      await clock.advance(1)
      cache.tend()
    }
    expect(issuer.issued).toBeGreaterThan(3)
    expect(issuer.issued).toBeLessThan(9)
    issuer.away = false
    await clock.advance(30)
    await serial()
    expect(cache.size).toBe(1)
  })

  it('fetches a few at a time ahead of need', async () => {
    const { serial, clock, cache, issuer } = start()
    for (const key of 'abcdefgh') await serial(key)
    await clock.advance(60)
    issuer.hanging = true
    cache.tend()
    cache.tend()
    await settle()
    expect(issuer.issued).toBe(8 + 4)
  })

  it('forgets the keys that are not to be kept', async () => {
    const { serial, cache } = start()
    expect([await serial('a'), await serial('b')]).toEqual([1, 2])
    cache.keep((key) => key === 'b')
    expect([await serial('a'), await serial('b')]).toEqual([3, 2])
  })

  it('tells when something else is kept', async () => {
    const { serial, issuer, cache } = start()
    await serial()
    expect(issuer.changes).toBe(1)
    await serial()
    cache.keep(() => true)
    expect(issuer.changes).toBe(1)
    cache.keep(() => false)
    expect(issuer.changes).toBe(2)
  })
})

describe('CredentialCache and clocks', () => {
  it('takes a lifetime for no longer than it is, on a host whose clock is behind the issuer', async () => {
    const { serial, clock, issuer } = start()
    issuer.clockAhead = 86_400
    await serial()
    await clock.advance(99)
    issuer.away = true
    expect(await serial()).toBe(1)
    await clock.advance(1)
    await expect(serial()).rejects.toThrow('away')
  })

  it('does not return what has ended while the machine slept', async () => {
    const { serial, clock, issuer } = start()
    await serial()
    issuer.away = true
    clock.jump(100)
    await expect(serial()).rejects.toThrow('away')
  })

  it('renews after a sleep what was in use before it', async () => {
    const { serial, clock, cache, issuer } = start()
    await serial()
    clock.jump(30_000)
    cache.shift(30_000)
    cache.tend()
    await settle()
    expect(issuer.issued).toBe(2)
  })

  it('gives nothing a longer life when the clock is set back, and renews it at once', async () => {
    const { serial, clock, cache, issuer } = start()
    await serial()
    await clock.advance(10)
    clock.jump(-1000)
    cache.shift(-1000)
    issuer.away = true
    await clock.advance(89)
    expect(await serial()).toBe(1)
    await clock.advance(1)
    await expect(serial()).rejects.toThrow('away')
    const again = start()
    await again.serial()
    again.clock.jump(-1000)
    again.cache.shift(-1000)
    again.cache.tend()
    await settle()
    expect(again.issuer.issued).toBe(2)
  })
})

describe('CredentialCache across runs', () => {
  it('puts back what was kept, in the order of use, and not what has ended', async () => {
    const before = start({ maxEntries: 2 })
    await before.serial('a')
    await before.serial('b')
    await before.serial('a')
    const held = before.cache.held()
    expect(held.map(({ key }) => key)).toEqual(['b', 'a'])
    const after = start({ maxEntries: 2 })
    for (const { key, ...each } of held) after.cache.restore(key, each)
    expect(await after.serial('a')).toBe(1)
    expect(after.issuer.issued).toBe(0)
    await after.serial('c')
    expect(after.cache.held().map(({ key }) => key)).toEqual(['a', 'c'])
    const late = start()
    late.clock.jump(100)
    for (const { key, ...each } of held) late.cache.restore(key, each)
    expect(late.cache.size).toBe(0)
  })

  it('does not put an old one in the place of a newer', async () => {
    const { cache, serial } = start()
    await serial()
    const [held] = cache.held()
    if (held === undefined) throw new Error('nothing is kept')
    cache.forget(() => true)
    expect(await serial()).toBe(2)
    cache.restore('a', held)
    expect(await serial()).toBe(2)
  })
})
