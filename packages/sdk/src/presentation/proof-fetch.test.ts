import { createServer, type Server } from 'node:http'
import { decodeToken, expectCode } from '@countersign/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { allowWorkload } from '../authorization/policy.ts'
import { verifyCaller } from '../middleware/http.ts'
import { Programs } from '../test-support/programs.ts'
import { closeServer, listen } from '../test-support/wire.ts'
import type { VerifyCallerOptions } from '../verification/caller-verifier.ts'
import type { Workload } from '../workload.ts'

const OTHER_FIELD = 'x-device-token'

let programs: Programs
let storefront: Workload
let orders: Workload
let server: Server
let origin: string
let received: { method: string; url: string; headers: NodeJS.Dict<string | string[]>; body: string }[]

beforeEach(async () => {
  programs = new Programs()
  storefront = programs.connect('/storefront', { otherTokenFields: [OTHER_FIELD] })
  orders = programs.connect('/orders')
  received = []
  server = createServer()
  origin = `http://127.0.0.1:${await listen(server)}`
})

afterEach(() => closeServer(server))

function serve(options: Partial<VerifyCallerOptions> = {}, status = 200, fields: Record<string, string> = {}): void {
  const guarded = verifyCaller(
    {
      workload: orders,
      audience: origin,
      policy: allowWorkload('spiffe://shop.example/storefront'),
      otherTokenFields: [OTHER_FIELD],
      ...options,
    },
    async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      const { method = '', url = '', headers } = request
      received.push({ method, url, headers, body: Buffer.concat(chunks).toString() })
      response.writeHead(status, fields).end(request.caller.id.toString())
    },
  )
  server.on('request', guarded)
}

function claimsOfLastProof() {
  return decodeToken(`${received.at(-1)?.headers['workload-proof-token']}`).claims
}

describe('workload.fetch', () => {
  it('proves who calls, to whom, and answers as fetch does', async () => {
    serve()
    const response = await storefront.fetch(`${origin}/v1/orders`)
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('spiffe://shop.example/storefront')
    expect(received[0]?.headers['workload-identity-token']).toBe(storefront.identity.wit)
    expect(claimsOfLastProof()).toMatchObject({ aud: `${origin}/v1/orders`, exp: programs.clock.now() + 60 })
  })

  it('makes a proof of its own for each of many requests at once', async () => {
    serve()
    const responses = await Promise.all(Array.from({ length: 50 }, () => storefront.fetch(`${origin}/v1/orders`)))
    expect(responses.map(({ status }) => status)).toEqual(Array(50).fill(200))
    expect(new Set(received.map(({ headers }) => headers['workload-proof-token'])).size).toBe(50)
  })

  it('keeps method, fields and body', async () => {
    serve()
    await storefront.fetch(new URL(`${origin}/v1/orders`), {
      method: 'PUT',
      headers: { 'X-Own': 'yes' },
      body: 'two lamps',
    })
    expect(received[0]).toMatchObject({ method: 'PUT', url: '/v1/orders', body: 'two lamps' })
    expect(received[0]?.headers['x-own']).toBe('yes')
  })

  it('keeps method, fields and body of a Request', async () => {
    serve()
    const request = new Request(`${origin}/v1/orders?page=2`, {
      method: 'PATCH',
      headers: { 'X-Own': 'yes', authorization: 'Bearer at-1' },
      body: 'two lamps',
    })
    expect((await storefront.fetch(request)).status).toBe(200)
    expect(received[0]).toMatchObject({ method: 'PATCH', url: '/v1/orders?page=2', body: 'two lamps' })
    expect(received[0]?.headers).toMatchObject({ 'x-own': 'yes', authorization: 'Bearer at-1' })
    expect(claimsOfLastProof()).toHaveProperty('ath')
  })

  it('lets options override those of a Request, as fetch does', async () => {
    serve()
    const request = new Request(`${origin}/v1/orders`, { method: 'POST', headers: { 'X-Own': 'yes' }, body: 'old' })
    await storefront.fetch(request, { method: 'PUT', headers: { 'X-Other': 'yes' }, body: 'new' })
    expect(received[0]).toMatchObject({ method: 'PUT', body: 'new' })
    expect(received[0]?.headers['x-own']).toBe(undefined)
    expect(received[0]?.headers['x-other']).toBe('yes')
  })

  it('leaves query and fragment out of the audience', async () => {
    serve()
    expect((await storefront.fetch(`${origin}/v1/orders?secret=1#part`)).status).toBe(200)
    expect(claimsOfLastProof()['aud']).toBe(`${origin}/v1/orders`)
  })

  it('addresses the proof to another audience on request', async () => {
    serve({ audience: 'orders' })
    expect((await storefront.fetch(`${origin}/v1/orders`)).status).toBe(400)
    expect((await storefront.fetch(`${origin}/v1/orders`, { audience: 'orders' })).status).toBe(200)
  })

  it('uses the identity of the moment', async () => {
    serve()
    const renewed = programs.connect('/storefront').identities
    storefront.replaceIdentities(renewed)
    await storefront.fetch(`${origin}/`)
    expect(received[0]?.headers['workload-identity-token']).toBe(renewed[0]?.wit)
  })

  it.each([
    ['an access token', { authorization: 'Bearer at-1' }, ['ath']],
    ['an access token bound by DPoP', { authorization: 'DPoP at-1' }, ['ath']],
    ['a transaction token', { 'Txn-Token': 'tt-1' }, ['tth']],
    ['another token field', { 'X-Device-Token': 'dt-1' }, ['oth']],
    [
      'all of them',
      { authorization: 'Bearer at-1', 'Txn-Token': 'tt-1', 'X-Device-Token': 'dt-1' },
      ['ath', 'oth', 'tth'],
    ],
    ['no token of a user and password', { authorization: 'Basic dTpw' }, []],
  ])('binds %s', async (_name, headers, hashes) => {
    serve()
    const response = await storefront.fetch(`${origin}/`, { headers: headers as Record<string, string> })
    expect(response.status).toBe(200)
    const names = Object.keys(claimsOfLastProof()).filter((name) => !['aud', 'exp', 'jti', 'wth'].includes(name))
    expect(names.sort()).toEqual(hashes)
  })

  it.each(['workload-identity-token', 'Workload-Proof-Token'])('lets nobody else set %s', async (name) => {
    serve()
    await expectCode(storefront.fetch(`${origin}/`, { headers: { [name]: 'own' } }), 'ERR_SDK_REQUEST')
    const request = new Request(`${origin}/`, { headers: { [name]: 'own' } })
    await expectCode(storefront.fetch(request), 'ERR_SDK_REQUEST')
    expect(received).toEqual([])
  })

  it('sends nothing with a malformed access token', async () => {
    serve()
    const sending = storefront.fetch(`${origin}/`, { headers: { authorization: 'Bearer two words' } })
    await expectCode(sending, 'ERR_REQUEST_AUTHORIZATION')
    expect(received).toEqual([])
  })

  describe('follows no redirect', () => {
    let strangers: number
    let stranger: Server
    let elsewhere: string

    beforeEach(async () => {
      strangers = 0
      stranger = createServer((_request, response) => {
        strangers += 1
        response.end()
      })
      elsewhere = `http://127.0.0.1:${await listen(stranger)}/`
      serve({}, 307, { location: elsewhere })
    })
    afterEach(() => closeServer(stranger))

    it('by itself', async () => {
      const response = await storefront.fetch(`${origin}/`)
      expect([response.status, response.headers.get('location'), strangers]).toEqual([307, elsewhere, 0])
    })

    it('of a Request, which says "follow" unless told otherwise', async () => {
      expect((await storefront.fetch(new Request(`${origin}/`))).status).toBe(307)
      expect(strangers).toBe(0)
    })

    it('even when told to', async () => {
      await expectCode(storefront.fetch(`${origin}/`, { redirect: 'follow' }), 'ERR_SDK_REQUEST')
      expect([received.length, strangers]).toEqual([0, 0])
    })

    it('and can fail instead', async () => {
      await expect(storefront.fetch(`${origin}/`, { redirect: 'error' })).rejects.toThrow(TypeError)
      await expect(storefront.fetch(new Request(`${origin}/`, { redirect: 'error' }))).rejects.toThrow(TypeError)
      expect(strangers).toBe(0)
    })
  })

  it('rejects, and never throws, when there is no identity', async () => {
    storefront.replaceIdentities([])
    const sending = storefront.fetch(`${origin}/`)
    await expectCode(sending, 'ERR_SDK_IDENTITY_WITHDRAWN')
  })

  it('rejects an address that is none', async () => {
    await expect(storefront.fetch('/v1/orders')).rejects.toThrow(TypeError)
  })
})
