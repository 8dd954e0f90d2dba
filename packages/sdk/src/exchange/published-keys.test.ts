import { generateSigningKey } from '@countersign/protocol/keys-node'
import { expectCode, FakeClock } from '@countersign/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { PublishedKeys } from './published-keys.ts'

const URL = 'https://id.example/oauth2/jwks'
const first = generateSigningKey('ES256', { kid: 'one' })
const second = generateSigningKey('ES256', { kid: 'two' })

let clock: FakeClock
let answer: () => Response | Promise<Response>
let requests: RequestInit[]

beforeEach(() => {
  clock = new FakeClock()
  requests = []
  publish(first)
})

function publish(...keys: (typeof first)[]): void {
  answer = () => Response.json({ keys: keys.map(({ publicJwk }) => publicJwk) })
}

const open = (url = URL) =>
  new PublishedKeys(url, {
    now: () => clock.now(),
    schedule: clock.schedule.bind(clock),
    fetch: async (_, init = {}) => {
      requests.push(init)
      return answer()
    },
  })
const kids = async (keys: PublishedKeys) => (await keys.current()).jwks.map(({ kid }) => kid)

describe('PublishedKeys', () => {
  it('fetches keys when they are needed, once for all who ask, and again when they have aged', async () => {
    const keys = open()
    expect(requests).toHaveLength(0)
    await Promise.all(Array.from({ length: 10 }, () => keys.current()))
    expect(requests).toMatchObject([{ redirect: 'error' }])
    publish(second)
    await clock.advance(300)
    expect(await kids(keys)).toEqual(['one'])
    await clock.advance(1)
    expect(await kids(keys)).toEqual(['two'])
  })

  it('keeps the object while the keys are the same', async () => {
    const keys = open()
    const before = await keys.current()
    await clock.advance(301)
    expect(await keys.current()).toBe(before)
    expect(requests).toHaveLength(2)
  })

  it('is refreshed once in a while, whoever asks', async () => {
    const keys = open()
    await keys.current()
    publish(second)
    await keys.refresh()
    expect(await kids(keys)).toEqual(['one'])
    await clock.advance(30)
    await keys.refresh()
    expect(await kids(keys)).toEqual(['two'])
  })

  it.each<[string, () => Response]>([
    ['that is away', () => Response.error()],
    ['that answers with an error', () => new Response('{"keys":[]}', { status: 500 })],
    ['that redirects', () => new Response(null, { status: 302, headers: { location: 'https://evil.example' } })],
    ['that sends no JSON', () => new Response('<html>')],
    ['that sends too much', () => new Response(' '.repeat(1024 * 1024 + 1))],
  ])('keeps keys for an hour when it asks a service %s', async (_, broken) => {
    const keys = open()
    await keys.current()
    answer = broken
    await clock.advance(3_600)
    expect(await kids(keys)).toEqual(['one'])
    await clock.advance(5)
    await expectCode(keys.current(), 'ERR_SDK_KEYS')
    publish(second)
    await clock.advance(5)
    expect(await kids(keys)).toEqual(['two'])
  })

  it('waits for no service that does not answer', async () => {
    const stuck = new PublishedKeys(URL, {
      now: () => clock.now(),
      schedule: clock.schedule.bind(clock),
      fetch: (_, init) =>
        new Promise((_resolve, reject) => {
          init?.signal?.addEventListener('abort', () => reject(new Error('aborted')))
        }),
    })
    const failed = expectCode(stuck.current(), 'ERR_SDK_KEYS')
    await clock.advance(5)
    await failed
  })

  it('lets nobody wait for a service that has just let somebody wait', async () => {
    const keys = open()
    await keys.current()
    answer = () =>
      new Promise((_resolve, reject) => {
        requests.at(-1)?.signal?.addEventListener('abort', () => reject(new Error('aborted')))
      })
    await clock.advance(301)
    const waiting = kids(keys)
    await clock.advance(5)
    expect(await waiting).toEqual(['one'])
    expect(await kids(keys)).toEqual(['one'])
    expect(requests).toHaveLength(2)
    publish(second)
    await clock.advance(5)
    expect(await kids(keys)).toEqual(['two'])
  })

  it('asks by https, or on this host', () => {
    expect(() => open('http://id.example/jwks')).toThrow(TypeError)
    expect(() => open('ftp://localhost/jwks')).toThrow(TypeError)
    open('http://127.0.0.1/jwks')
  })
})
