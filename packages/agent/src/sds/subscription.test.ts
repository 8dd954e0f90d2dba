import { status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { Subscription } from './subscription.ts'

const isRefused = expect.objectContaining({ code: status.INVALID_ARGUMENT })
const names = (count: number) => Array.from({ length: count }, (_, index) => `name-${index}`)
const wanted = ({ wanted }: Subscription) => ({ names: [...wanted.names], wildcard: wanted.wildcard })

describe('a subscription by state of the world', () => {
  it('wants everything while nothing was ever named', () => {
    const subscription = new Subscription()
    expect(subscription.isEmpty).toBe(true)
    expect(subscription.replace([])).toBe(true)
    expect(wanted(subscription)).toEqual({ names: [], wildcard: true })
    expect(subscription.replace([])).toBe(false)
  })

  it('wants nothing once it named something and now names nothing', () => {
    const subscription = new Subscription()
    subscription.replace(['default'])
    expect(subscription.replace([])).toBe(true)
    expect(subscription.isEmpty).toBe(true)
  })

  it('takes the explicit wildcard, beside names too', () => {
    const subscription = new Subscription()
    subscription.replace(['*', 'default'])
    expect(wanted(subscription)).toEqual({ names: ['default'], wildcard: true })
    subscription.replace(['default'])
    expect(wanted(subscription)).toEqual({ names: ['default'], wildcard: false })
  })

  it('is not changed by the same names in another order, or twice', () => {
    const subscription = new Subscription()
    expect(subscription.replace(['a', 'b'])).toBe(true)
    expect(subscription.replace(['b', 'a', 'b'])).toBe(false)
    expect(subscription.replace(['a', 'c'])).toBe(true)
  })

  it('forgets what a name had when it is given up', () => {
    const subscription = new Subscription()
    subscription.replace(['a', 'b'])
    subscription.known.set('a', '1').set('b', '1')
    subscription.replace(['a'])
    subscription.replace(['a', 'b'])
    expect([...subscription.known]).toEqual([['a', '1']])
  })
})

describe('an incremental subscription', () => {
  it('begins with everything when the first request names nothing, until that is given up', () => {
    const subscription = new Subscription()
    expect(subscription.change([], [])).toBe(true)
    expect(subscription.change(['a'], [])).toBe(true)
    expect(wanted(subscription)).toEqual({ names: ['a'], wildcard: true })
    expect(subscription.change([], ['*'])).toBe(true)
    expect(wanted(subscription)).toEqual({ names: ['a'], wildcard: false })
    expect(subscription.change([], [])).toBe(false)
  })

  it('does not begin with everything when the first request names something', () => {
    const subscription = new Subscription()
    subscription.change(['a'], [])
    expect(subscription.change([], [])).toBe(false)
    expect(wanted(subscription)).toEqual({ names: ['a'], wildcard: false })
  })

  it('sends again what is subscribed to again', () => {
    const subscription = new Subscription()
    subscription.change(['a'], [])
    subscription.known.set('a', '1')
    expect(subscription.change(['a'], [])).toBe(true)
    expect(subscription.known.has('a')).toBe(false)
  })

  it('tells about a name that was given up while the wildcard may cover it', () => {
    const subscription = new Subscription()
    subscription.change(['*', 'a'], [])
    subscription.known.set('a', '1').set('b', '1')
    subscription.change([], ['a'])
    expect([...subscription.known]).toEqual([
      ['a', ''],
      ['b', '1'],
    ])
  })

  it('forgets what only the wildcard covered', () => {
    const subscription = new Subscription()
    subscription.change(['*', 'a'], [])
    subscription.known.set('a', '1').set('b', '1')
    subscription.change([], ['*'])
    expect([...subscription.known]).toEqual([['a', '1']])
  })

  it('believes what a client says it has, as far as it wants it', () => {
    const subscription = new Subscription()
    subscription.change(['a'], [])
    subscription.assumeKnown({ a: '1', b: '1' })
    expect([...subscription.known]).toEqual([['a', '1']])
  })
})

describe('the bounds of a subscription', () => {
  it.each([
    ['1001 names', names(1001)],
    ['100,000 names', names(100_000)],
    ['a name of 2049 bytes', ['é'.repeat(1024).concat('a')]],
  ])('refuse %s, however they come', (_, list) => {
    expect(() => new Subscription().replace(list)).toThrow(isRefused)
    expect(() => new Subscription().change(list, [])).toThrow(isRefused)
    const versions = Object.fromEntries(list.map((name) => [name, '1']))
    expect(() => new Subscription().assumeKnown(versions)).toThrow(isRefused)
  })

  it('refuse names that come one by one', () => {
    const subscription = new Subscription()
    for (const name of names(1000)) subscription.change([name], [])
    expect(() => subscription.change(['one more'], [])).toThrow(isRefused)
  })

  it('admit 1000 names and 2048 bytes', () => {
    expect(new Subscription().replace(names(1000))).toBe(true)
    expect(new Subscription().change(['é'.repeat(1024)], [])).toBe(true)
  })

  it('hold for what is remembered of names that come and go', () => {
    const subscription = new Subscription()
    for (const name of names(5000)) {
      subscription.change([name], [])
      subscription.known.set(name, null)
      subscription.change([], [name])
    }
    expect(subscription.known.size).toBe(0)
  })
})
