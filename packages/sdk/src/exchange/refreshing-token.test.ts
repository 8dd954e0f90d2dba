import { expectCode, FakeClock } from '@countersign/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { SdkError } from '../sdk-error.ts'
import { ExchangedToken } from './exchanged-token.ts'
import { RefreshingToken } from './refreshing-token.ts'

const LIFETIME = 1000

let clock: FakeClock
let asked: number
let isAway: boolean
let random: number
/** Answers are held back until it resolves. */
let held: Promise<unknown> | undefined
let source: RefreshingToken

beforeEach(() => {
  clock = new FakeClock()
  asked = 0
  isAway = false
  random = 0.5
  held = undefined
  source = open()
})

const open = () =>
  new RefreshingToken(
    async () => {
      asked++
      const name = `token-${asked}`
      await held
      if (isAway) throw new SdkError('ERR_SDK_TOKEN_SERVICE', `failure ${asked}`)
      const now = clock.now()
      const content = {
        scheme: 'Bearer',
        type: undefined,
        scopes: [],
        issuedAt: now,
        expiresAt: now + LIFETIME,
      } as const
      return new ExchangedToken(name, undefined, content)
    },
    { now: () => clock.now(), random: () => random },
  )
const current = async () => (await source.current()).token
/** Asks, lets what that set off come to its end, and asks again. */
const settled = async () => {
  await current()
  await clock.advance(0)
  return current()
}

describe('RefreshingToken', () => {
  it('asks when it is first needed, once for all who ask at the same time', async () => {
    expect(asked).toBe(0)
    const tokens = await Promise.all(Array.from({ length: 20 }, current))
    expect(new Set(tokens)).toEqual(new Set(['token-1']))
    expect(asked).toBe(1)
  })

  it('renews ahead of the end, and lets nobody wait for that', async () => {
    await current()
    await clock.advance(749)
    expect(await settled()).toBe('token-1')
    await clock.advance(1)
    const { promise, resolve } = Promise.withResolvers<void>()
    held = promise
    expect(await Promise.all([current(), current()])).toEqual(['token-1', 'token-1'])
    expect(asked).toBe(2)
    resolve()
    await clock.advance(0)
    expect(await current()).toBe('token-2')
    expect(asked).toBe(2)
  })

  it.each([
    [0, 650],
    [0.999, 850],
  ])('renews at a moment of its own: with %d after %d seconds', async (value, seconds) => {
    random = value
    await current()
    await clock.advance(seconds - 1)
    expect(await settled()).toBe('token-1')
    await clock.advance(1)
    expect(await settled()).toBe('token-2')
  })

  it('gives the old token while the service is away and it lives, and no longer', async () => {
    await current()
    isAway = true
    await clock.advance(750)
    for (let seconds = 750; seconds < LIFETIME; seconds += 10) {
      expect(await settled()).toBe('token-1')
      await clock.advance(10)
    }
    await expectCode(current(), 'ERR_SDK_TOKEN_SERVICE')
    isAway = false
    await clock.advance(1)
    expect(await current()).toMatch(/^token-/)
  })

  it('asks a service that is away every few seconds, not at each call', async () => {
    await current()
    isAway = true
    await clock.advance(750)
    for (let call = 0; call < 10; call++) await settled()
    expect(asked).toBe(2)
    await clock.advance(5)
    await settled()
    expect(asked).toBe(3)
  })

  it('says the same failure for a second, when it has no token', async () => {
    isAway = true
    for (let call = 0; call < 3; call++) await expect(current()).rejects.toThrow('failure 1')
    await clock.advance(1)
    await expect(current()).rejects.toThrow('failure 2')
    expect(asked).toBe(2)
  })

  it('waits for a new token when the old one would end on its way', async () => {
    await current()
    await clock.advance(LIFETIME - 5)
    expect(await current()).toBe('token-2')
  })

  it('gives the old one in its last seconds when there is no new one, unless it ended meanwhile', async () => {
    await current()
    isAway = true
    await clock.advance(LIFETIME - 5)
    expect(await current()).toBe('token-1')
    const { promise, resolve } = Promise.withResolvers<void>()
    await clock.advance(4)
    source = open()
    isAway = false
    await current()
    isAway = true
    await clock.advance(LIFETIME - 1)
    held = promise
    const waiting = expectCode(current(), 'ERR_SDK_TOKEN_SERVICE')
    await clock.advance(1)
    resolve()
    await waiting
  })

  it('throws a token away that is not believed, once it is not quite new', async () => {
    const first = await source.current()
    source.discard(first)
    expect(await current()).toBe('token-1')
    await clock.advance(30)
    source.discard(first)
    expect(await current()).toBe('token-2')
    await clock.advance(30)
    source.discard(first)
    expect(await current()).toBe('token-2')
  })
})
