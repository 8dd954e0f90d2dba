import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { DEFAULT_CLOCK_SKEW_SECONDS, parseTimes, validateTimes } from './time-window.ts'

const NOW = 1_800_000_000
const SKEW = DEFAULT_CLOCK_SKEW_SECONDS

describe('parseTimes', () => {
  it('reads what is there', () => {
    expect(parseTimes({ exp: 3, nbf: 2, iat: 1.5 })).toEqual({ expiresAt: 3, notBefore: 2, issuedAt: 1.5 })
    expect(parseTimes({ exp: 3 })).toEqual({ expiresAt: 3, notBefore: undefined, issuedAt: undefined })
  })

  it.each([
    ['no exp', {}],
    ['exp as text', { exp: '3' }],
    ['exp of null', { exp: null }],
    ['an endless exp', { exp: Number.POSITIVE_INFINITY }],
    ['nbf as text', { exp: 3, nbf: '2' }],
    ['nbf of null', { exp: 3, nbf: null }],
    ['iat as text', { exp: 3, iat: '1' }],
  ])('refuses %s', async (_, claims) => {
    await expectCode(() => parseTimes(claims), 'ERR_CREDENTIAL_MALFORMED')
  })
})

describe('validateTimes', () => {
  const times = { expiresAt: NOW + 600, notBefore: undefined, issuedAt: NOW - 60 }
  const check = (change: Partial<typeof times>, policy: Parameters<typeof validateTimes>[2] = {}, now = NOW) =>
    validateTimes({ ...times, ...change }, now, policy)

  it('accepts a current credential under every policy it meets', () => {
    const policy = { maxLifetimeSeconds: 660, maxAgeSeconds: 60, rejectFutureIssuedAt: true, clockSkewSeconds: 0 }
    expect(check({}, policy)).toBe(undefined)
  })

  it('ends exactly at exp plus skew', async () => {
    expect(check({ expiresAt: NOW }, {}, NOW + SKEW - 1)).toBe(undefined)
    await expectCode(() => check({ expiresAt: NOW }, {}, NOW + SKEW), 'ERR_CREDENTIAL_EXPIRED')
    expect(check({ expiresAt: NOW }, { clockSkewSeconds: 0 }, NOW - 1)).toBe(undefined)
    await expectCode(() => check({ expiresAt: NOW }, { clockSkewSeconds: 0 }), 'ERR_CREDENTIAL_EXPIRED')
  })

  it('begins exactly at nbf minus skew', async () => {
    const starts = (notBefore: number, clockSkewSeconds?: number) => () =>
      validateTimes({ ...times, notBefore }, NOW, clockSkewSeconds === undefined ? {} : { clockSkewSeconds })
    expect(starts(NOW + SKEW)()).toBe(undefined)
    await expectCode(starts(NOW + SKEW + 1), 'ERR_CREDENTIAL_NOT_YET_VALID')
    expect(starts(NOW, 0)()).toBe(undefined)
    await expectCode(starts(NOW + 1, 0), 'ERR_CREDENTIAL_NOT_YET_VALID')
  })

  it('minds a future iat only when asked to', async () => {
    expect(check({ issuedAt: NOW + SKEW + 1 })).toBe(undefined)
    const policy = { rejectFutureIssuedAt: true }
    expect(check({ issuedAt: NOW + SKEW }, policy)).toBe(undefined)
    await expectCode(() => check({ issuedAt: NOW + SKEW + 1 }, policy), 'ERR_CREDENTIAL_ISSUED_IN_FUTURE')
    expect(validateTimes({ ...times, issuedAt: undefined }, NOW, policy)).toBe(undefined)
  })

  it('limits the age, which takes an iat', async () => {
    const policy = { maxAgeSeconds: 100 }
    expect(check({ issuedAt: NOW - 100 - SKEW }, policy)).toBe(undefined)
    await expectCode(() => check({ issuedAt: NOW - 101 - SKEW }, policy), 'ERR_CREDENTIAL_TOO_OLD')
    await expectCode(() => validateTimes({ ...times, issuedAt: undefined }, NOW, policy), 'ERR_CREDENTIAL_TOO_OLD')
  })

  it('limits the lifetime, counted from iat, else nbf, else now', async () => {
    const policy = { maxLifetimeSeconds: 1000, clockSkewSeconds: 0 }
    const lives = (expiresAt: number, issuedAt?: number, notBefore?: number) => () =>
      validateTimes({ expiresAt, issuedAt, notBefore }, NOW, policy)
    expect(lives(NOW + 900, NOW - 100)()).toBe(undefined)
    await expectCode(lives(NOW + 901, NOW - 100), 'ERR_CREDENTIAL_LIFETIME')
    expect(lives(NOW + 900, undefined, NOW - 100)()).toBe(undefined)
    await expectCode(lives(NOW + 901, undefined, NOW - 100), 'ERR_CREDENTIAL_LIFETIME')
    expect(lives(NOW + 1000)()).toBe(undefined)
    await expectCode(lives(NOW + 1001), 'ERR_CREDENTIAL_LIFETIME')
  })

  it('is not fooled about the lifetime by an iat in the future', async () => {
    const policy = { maxLifetimeSeconds: 1000 }
    const times = { expiresAt: NOW + 5000, issuedAt: NOW + 4500, notBefore: undefined }
    await expectCode(() => validateTimes(times, NOW, policy), 'ERR_CREDENTIAL_LIFETIME')
  })

  it('allows the skew on the lifetime too', async () => {
    const policy = { maxLifetimeSeconds: 1000 }
    expect(check({ issuedAt: NOW, expiresAt: NOW + 1000 + SKEW }, policy)).toBe(undefined)
    await expectCode(() => check({ issuedAt: NOW, expiresAt: NOW + 1001 + SKEW }, policy), 'ERR_CREDENTIAL_LIFETIME')
  })
})
