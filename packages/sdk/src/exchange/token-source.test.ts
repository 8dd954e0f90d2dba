import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import { decodeToken, expectCode } from '@countersign/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../test-support/host.ts'
import { Programs } from '../test-support/programs.ts'
import { TokenService } from '../test-support/token-service.ts'
import { closeServer, listen } from '../test-support/wire.ts'
import type { Workload } from '../workload.ts'
import type { TokenSource, TokenSourceOptions } from './token-source.ts'

interface Received {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingHttpHeaders
}

let programs: Programs
let service: TokenService
let workload: Workload
let servers: Server[]
let received: Received[]
let orders: string
/** How the resource answers; default 200. */
let respond: ((response: ServerResponse, request: Received) => void) | undefined

beforeEach(async () => {
  programs = new Programs()
  service = await TokenService.start(programs)
  workload = programs.connect('/storefront')
  servers = []
  received = []
  respond = undefined
  orders = await serve((request, response) => {
    received.push(request)
    if (respond === undefined) response.end('ok')
    else respond(response, request)
  })
})

afterEach(async () => {
  await Promise.all([...servers.map(closeServer), service.stop()])
})

async function serve(handle: (request: Received, response: ServerResponse) => void): Promise<string> {
  const server = createServer((request, response) => {
    const { method, url, headers } = request
    request.resume()
    handle({ method, url, headers }, response)
  })
  servers.push(server)
  return `http://127.0.0.1:${await listen(server)}`
}

const open = (options: Partial<TokenSourceOptions> = {}): TokenSource =>
  workload.tokenSource({ issuer: service.issuer, audience: orders, ...options })

describe('TokenSource', () => {
  it('gets one token for all calls, and sends it as a bearer token', async () => {
    const source = open({ scope: 'orders.read' })
    const responses = await Promise.all(Array.from({ length: 10 }, () => source.fetch(`${orders}/v1`)))
    expect(responses.map(({ status }) => status)).toEqual(Array(10).fill(200))
    expect(service.calls).toHaveLength(1)
    const { token } = await source.token()
    expect(received.map(({ headers }) => headers.authorization)).toEqual(Array(10).fill(`Bearer ${token}`))
    expect(received[0]?.headers['dpop']).toBeUndefined()
    expect(received[0]?.headers['workload-identity-token']).toBeUndefined()
  })

  it('makes a proof for each request with a token that is bound', async () => {
    const source = open({ binding: 'dpop' })
    await source.fetch(`${orders}/v1/orders?secret=1#x`, { method: 'post', body: '{}' })
    await source.fetch(new Request(`${orders}/v1`, { method: 'DELETE' }))
    const claims = received.map(({ headers }) => decodeToken(String(headers['dpop'])).claims)
    expect(claims).toMatchObject([
      { htm: 'POST', htu: `${orders}/v1/orders`, ath: expect.any(String) },
      { htm: 'DELETE', htu: `${orders}/v1` },
    ])
    expect(claims[0]?.['jti']).not.toBe(claims[1]?.['jti'])
    expect(received[0]?.headers.authorization).toMatch(/^DPoP /)
  })

  it('proves who calls as well when it sends by workload.fetch', async () => {
    await open({ binding: 'dpop', fetch: workload.fetch }).fetch(orders)
    expect(received[0]?.headers).toMatchObject({
      authorization: expect.stringMatching(/^DPoP /),
      dpop: expect.any(String),
      'workload-identity-token': expect.any(String),
    })
    const { claims } = decodeToken(String(received[0]?.headers['workload-proof-token']))
    expect(claims['ath']).toBe(decodeToken(String(received[0]?.headers['dpop'])).claims['ath'])
  })

  it('keeps tokens of subjects, audiences and scopes apart', async () => {
    const source = open()
    const subject = (token: string) => source.for({ subjectToken: { token, type: 'urn:x' } })
    const sources = [
      source,
      subject('alice'),
      subject('bob'),
      source.for({ scope: 'b a' }),
      source.for({ audience: 'x' }),
    ]
    const tokens = await Promise.all(sources.map(async (each) => (await each.token()).token))
    expect(new Set(tokens).size).toBe(5)
    expect((await subject('alice').token()).token).toBe(tokens[1])
    expect((await source.for({ scope: ['a', 'b'] }).token()).token).toBe(tokens[3])
    expect(service.calls).toHaveLength(5)
  })

  it('keeps a bounded number of tokens, those used last', async () => {
    const source = open({ maxTokens: 2 })
    const get = (token: string) => source.for({ subjectToken: { token, type: 'urn:x' } }).token()
    for (const name of ['a', 'b', 'a', 'c', 'a']) await get(name)
    expect(service.calls).toHaveLength(3)
    await get('b')
    expect(service.calls).toHaveLength(4)
  })

  it('lets one who waits give up, and the others go on', async () => {
    const source = open()
    const { promise, resolve } = Promise.withResolvers<void>()
    service.held = promise
    const halt = new AbortController()
    const [one, other] = [source.token(halt.signal), source.token()]
    const gone = expect(one).rejects.toThrow('enough')
    await eventually(() => expect(service.waiting).toBe(1))
    halt.abort(new Error('enough'))
    await gone
    resolve()
    expect((await other).scheme).toBe('Bearer')
    expect(service.calls).toHaveLength(1)
    await expect(source.fetch(orders, { signal: halt.signal })).rejects.toThrow('enough')
  })

  it('gets another token when a resource calls one invalid, not at each call', async () => {
    respond = (response) => response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end()
    const source = open()
    for (let call = 0; call < 5; call++) await source.fetch(orders)
    expect(service.calls).toHaveLength(1)
    await programs.clock.advance(30)
    await source.fetch(orders)
    await source.fetch(orders)
    expect(service.calls).toHaveLength(2)
  })

  it('gives nothing once its workload is closed, whatever it keeps or could still ask for', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'countersign-'))
    try {
      const assertionFile = join(folder, 'token')
      await writeFile(assertionFile, 'platform')
      const kept = open({ authentication: { assertionFile } })
      await kept.fetch(orders)
      workload.close()
      for (const source of [kept, kept.for({ scope: 'x' })]) {
        await expectCode(source.token(), 'ERR_SDK_CLOSED')
        await expectCode(source.fetch(orders), 'ERR_SDK_CLOSED')
        await expectCode(source.authorize(orders), 'ERR_SDK_CLOSED')
      }
      await expectCode(() => open(), 'ERR_SDK_CLOSED')
      expect([service.calls.length, received.length]).toEqual([1, 1])
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })

  it('shows no token when it is printed', async () => {
    const source = open()
    const { token } = await source.token()
    expect(inspect(source, { depth: 9, showHidden: true }) + JSON.stringify(source)).not.toContain(token.slice(0, 20))
  })
})

describe('where a token may go', () => {
  it('is the origin of its audience or resource, or one that is named', async () => {
    await open().fetch(`${orders}/any/path`)
    await open({ audience: 'orders', resource: `${orders}/v1` }).fetch(orders)
    await open({ audience: 'orders', origins: orders }).fetch(orders)
    expect(received).toHaveLength(3)
  })

  it('is that of the audience or resource it was varied to, unless all go to one that is named', async () => {
    const other = await serve((request, response) => {
      received.push(request)
      response.end()
    })
    await open().for({ audience: other }).fetch(other)
    await open({ audience: 'orders' })
      .for({ resource: `${other}/v1` })
      .fetch(other)
    await open({ audience: 'orders' }).for({ audience: other }).for({ scope: 'x' }).authorize(other)
    await open({ origins: orders }).for({ audience: other }).fetch(orders)
    expect(service.calls.map(({ form }) => form.get('audience'))).toEqual([other, 'orders', other, other])
    expect(received).toHaveLength(3)
    expect(() => open().for({ audience: 'http://orders.example' })).toThrow(TypeError)
  })

  it('is nowhere else, and no token is even asked for', async () => {
    const other = await serve((request, response) => {
      received.push(request)
      response.end()
    })
    for (const send of [
      () => open().fetch(other),
      () => open().authorize(other),
      () => open().fetch(new Request(other)),
      () => open().fetch(orders.replace('127.0.0.1', 'localhost')),
      () => open().fetch(`http://user@127.0.0.1:1/`),
      () => open({ audience: 'orders' }).fetch(orders),
      () => open({ origins: other }).fetch(orders),
      () => open().for({ audience: other }).fetch(orders),
      () => open().for({ audience: 'orders' }).fetch(orders),
      () => open({ origins: orders }).for({ audience: other }).fetch(other),
    ]) {
      await expectCode(send(), 'ERR_SDK_REQUEST')
    }
    expect(received).toEqual([])
    expect(service.calls).toEqual([])
  })

  it.each([
    'http://orders.example',
    'ftp://orders.example',
    'orders.example',
    'https://orders.example/v1',
    'https://orders.example/?a',
    'https://orders.example/#a',
    'https://user@orders.example',
    'https://:secret@orders.example',
  ])('cannot be %s', (origins) => {
    expect(() => open({ origins })).toThrow(TypeError)
    open({ origins: 'https://orders.example/' })
  })

  it('is not where a URL leads that was changed after it was checked', async () => {
    const stolen: Received[] = []
    const other = await serve((request, response) => {
      stolen.push(request)
      response.end()
    })
    const source = open()
    const url = new URL(orders)
    const [sending, authorizing] = [source.fetch(url), source.authorize(url)]
    url.port = new URL(other).port
    expect((await sending).status).toBe(200)
    expect((await authorizing).url).toBe(`${orders}/`)
    expect(stolen).toEqual([])
  })

  it('is not where a redirect leads', async () => {
    const other = await serve((request, response) => {
      received.push(request)
      response.end('stolen')
    })
    respond = (response) => response.writeHead(307, { location: other }).end()
    const source = open({ binding: 'dpop' })
    expect((await source.fetch(orders)).status).toBe(307)
    await expectCode(source.fetch(orders, { redirect: 'follow' }), 'ERR_SDK_REQUEST')
    const authorized = await source.authorize(orders)
    expect((await fetch(authorized)).status).toBe(307)
    await expect(source.fetch(orders, { redirect: 'error' })).rejects.toThrow(TypeError)
    expect(received.map(({ url }) => url)).toEqual(['/', '/', '/'])
  })

  it.each(['authorization', 'dpop'])("is not beside another's %s", async (name) => {
    await expectCode(open().fetch(orders, { headers: { [name]: 'x' } }), 'ERR_SDK_REQUEST')
    expect(received).toEqual([])
  })

  it('is nowhere for what is no access token', async () => {
    service.answer = (call) => ({ body: service.grant(call, { token_type: 'N_A' }) })
    const source = open()
    expect((await source.token()).scheme).toBe('N_A')
    await expectCode(source.fetch(orders), 'ERR_SDK_REQUEST')
  })
})

describe('authorize', () => {
  it('gives a request with token and proof, content and all', async () => {
    const request = await open({ binding: 'dpop' }).authorize(`${orders}/v1`, { method: 'POST', body: 'content' })
    expect(await request.clone().text()).toBe('content')
    expect(request).toMatchObject({ method: 'POST', redirect: 'manual', url: `${orders}/v1` })
    expect(request.headers.get('authorization')).toMatch(/^DPoP /)
    const stream = new ReadableStream({
      start: (controller) => {
        controller.enqueue(new TextEncoder().encode('streamed'))
        controller.close()
      },
    })
    expect(await (await open().authorize(orders, { method: 'POST', body: stream })).text()).toBe('streamed')
  })
})

describe('nonces of a resource', () => {
  const asks = (response: ServerResponse, nonce = 'nonce-1') =>
    response
      .writeHead(401, { 'www-authenticate': 'DPoP error="use_dpop_nonce", algs="ES256"', 'dpop-nonce': nonce })
      .end()
  const nonces = () => received.map(({ headers }) => decodeToken(String(headers['dpop'])).claims['nonce'])

  it('go into the proof of a second try, and of what follows', async () => {
    respond = (response, { headers }) =>
      decodeToken(String(headers['dpop'])).claims['nonce'] === 'nonce-1'
        ? response.writeHead(200, { 'dpop-nonce': 'nonce-1' }).end()
        : asks(response)
    const source = open({ binding: 'dpop' })
    expect((await source.fetch(orders, { method: 'POST', body: 'x' })).status).toBe(200)
    expect((await source.fetch(orders)).status).toBe(200)
    expect(nonces()).toEqual([undefined, 'nonce-1', 'nonce-1'])
  })

  it('go into the proofs of all tokens that go there', async () => {
    respond = (response, { headers }) =>
      decodeToken(String(headers['dpop'])).claims['nonce'] === 'nonce-1' ? response.end() : asks(response)
    const source = open({ binding: 'dpop' })
    await source.fetch(orders)
    await source.for({ subjectToken: { token: 'alice', type: 'urn:x' } }).fetch(orders)
    await source.for({ audience: 'orders', resource: `${orders}/v1` }).fetch(orders)
    expect(nonces()).toEqual([undefined, 'nonce-1', 'nonce-1', 'nonce-1'])
  })

  it('are forgotten when they are refused and none is given in their place', async () => {
    respond = (response) => response.writeHead(200, { 'dpop-nonce': 'nonce-1' }).end()
    const source = open({ binding: 'dpop' })
    await source.fetch(orders)
    respond = (response, { headers }) =>
      decodeToken(String(headers['dpop'])).claims['nonce'] === undefined
        ? response.end()
        : response.writeHead(401, { 'www-authenticate': 'DPoP error="use_dpop_nonce"' }).end()
    expect((await source.fetch(orders)).status).toBe(200)
    respond = (response) => response.writeHead(401, { 'www-authenticate': 'DPoP error="use_dpop_nonce"' }).end()
    expect((await source.fetch(orders)).status).toBe(401)
    expect(nonces()).toEqual([undefined, 'nonce-1', undefined, undefined])
  })

  it('are tried once', async () => {
    let count = 0
    respond = (response) => asks(response, `nonce-${++count}`)
    const source = open({ binding: 'dpop' })
    expect((await source.fetch(orders)).status).toBe(401)
    expect(received).toHaveLength(2)
  })

  it('are left to the caller for a stream, which cannot be sent twice', async () => {
    respond = (response) => asks(response)
    const body = new Blob(['streamed']).stream()
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit
    expect((await open({ binding: 'dpop' }).fetch(orders, init)).status).toBe(401)
    expect(received).toHaveLength(1)
  })

  it.each<[string, () => unknown]>([
    [
      'a generator',
      async function* () {
        yield 'content'
      },
    ],
    ['a stream of node', () => Readable.from(['content'])],
  ])('are left to the caller for %s, which would go out again empty', async (_, content) => {
    respond = (response) => asks(response)
    const init = { method: 'POST', body: content(), duplex: 'half' } as RequestInit
    expect((await open({ binding: 'dpop' }).fetch(orders, init)).status).toBe(401)
    expect(received).toHaveLength(1)
  })

  it.each<[string, () => NonNullable<RequestInit['body']> | null]>([
    ['none', () => null],
    ['parameters', () => new URLSearchParams('a=b')],
    ['a form', () => new FormData()],
    ['a blob', () => new Blob(['x'])],
    ['bytes', () => new Uint8Array(1)],
    ['a buffer', () => new ArrayBuffer(1)],
  ])('are tried with content that can be sent twice: %s', async (_, content) => {
    respond = (response) => asks(response)
    await open({ binding: 'dpop' }).fetch(orders, { method: 'POST', body: content() })
    expect(received).toHaveLength(2)
  })

  it.each(['with space', 'x'.repeat(1025), 'quote"'])('are not taken when they are none: %s', async (nonce) => {
    respond = (response) => asks(response, nonce)
    expect((await open({ binding: 'dpop' }).fetch(orders)).status).toBe(401)
    expect(nonces()).toEqual([undefined])
  })
})
