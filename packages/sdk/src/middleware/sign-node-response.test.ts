import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server, type Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { type HttpRequest, HttpSignatureVerifier, WitVerifier } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { responderOf } from '../presentation/responder.ts'
import { Programs } from '../test-support/programs.ts'
import type { Workload } from '../workload.ts'
import { verifyCaller } from './http.ts'

type Respond = (response: ServerResponse, request: IncomingMessage) => unknown

const AUDIENCE = 'orders'

let programs: Programs
let client: Workload
let server: Server | Http2Server | undefined

beforeEach(() => {
  programs = new Programs()
  const settings = { proof: 'http-signature', signResponse: true, audience: AUDIENCE } as const
  client = programs.connect('/storefront', { targets: () => settings })
})

afterEach(async () => {
  await new Promise((resolve) => server?.close(resolve) ?? resolve(undefined))
})

function listenerOf(respond: Respond) {
  const options = {
    workload: programs.connect('/orders'),
    audience: AUDIENCE,
    policy: () => true,
    maxSignedBodyBytes: 1000,
  }
  return verifyCaller(options, (request, response) => respond(response, request))
}

async function call(respond: Respond, init: RequestInit = {}): Promise<Response> {
  const listening = createHttpServer(listenerOf(respond))
  server = listening
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  const { port } = listening.address() as AddressInfo
  const response = await client.fetch(`http://127.0.0.1:${port}/v1`, { ...init, headers: { connection: 'close' } })
  expect(responderOf(response)?.path).toBe('/orders')
  return response
}

describe('a response that must be signed', () => {
  it.each<[string, Respond, string]>([
    ['ends with all its content', (response) => response.end('lamp'), 'lamp'],
    ['ends with bytes', (response) => response.end(Buffer.from('lamp')), 'lamp'],
    ['ends with text in another encoding', (response) => response.end('bGFtcA==', 'base64'), 'lamp'],
    [
      'is written in parts',
      (response) => {
        response.write('la')
        response.write(Buffer.from('mp'))
        response.end()
      },
      'lamp',
    ],
    ['is piped', (response) => Readable.from(['la', 'mp']).pipe(response), 'lamp'],
    ['ends later', (response) => setImmediate(() => response.end('lamp')), 'lamp'],
    ['ends twice', (response) => response.end('lamp') && response.end('more'), 'lamp'],
    ['is written after its end', (response) => response.end('lamp') && response.write('more'), 'lamp'],
    ['has no content', (response) => response.end(), ''],
  ])('may be one that %s', async (_name, respond, expected) => {
    const response = await call(respond)
    expect([response.status, await response.text()]).toEqual([200, expected])
  })

  it.each<[string, Respond]>([
    ['an object', (response) => response.writeHead(201, { 'Content-Type': 'text/lamp', 'x-own': ['1', '2'] }).end('a')],
    [
      'a reason and an object',
      (response) => response.writeHead(201, 'Lamp', { 'content-type': 'text/lamp', 'x-own': '1, 2' }).end('a'),
    ],
    [
      'a flat list',
      (response) => response.writeHead(201, ['content-type', 'text/lamp', 'x-own', '1', 'X-Own', '2']).end('a'),
    ],
    [
      'pairs',
      (response) =>
        response
          .writeHead(201, [
            ['content-type', 'text/lamp'],
            ['x-own', '1, 2'],
          ] as never)
          .end('a'),
    ],
    [
      'fields set before',
      (response) => response.setHeader('content-type', 'text/lamp').setHeader('x-own', '1, 2').writeHead(201).end('a'),
    ],
  ])('takes its head as %s', async (_name, respond) => {
    const response = await call(respond)
    expect([response.status, response.headers.get('content-type'), response.headers.get('x-own')]).toEqual([
      201,
      'text/lamp',
      '1, 2',
    ])
  })

  it('tells its handler what it believes to have sent', async () => {
    const seen: boolean[] = []
    await call((response) => {
      seen.push(response.headersSent)
      response.writeHead(200)
      seen.push(response.headersSent)
      response.end()
    })
    expect(seen).toEqual([false, true])
  })

  it('calls back, and finishes', async () => {
    const called: string[] = []
    await call((response) => {
      response.once('finish', () => called.push('finish'))
      response.write('a', () => called.push('written'))
      response.end('b', () => called.push('ended'))
    })
    expect(called.sort()).toEqual(['ended', 'finish', 'written'])
  })

  it('to HEAD has fields and no content', async () => {
    const response = await call((response) => response.setHeader('content-length', 4).end('lamp'), { method: 'HEAD' })
    expect([response.status, response.headers.get('content-digest')]).toEqual([200, null])
  })

  it.each<[string, Respond]>([
    ['larger than what is held', (response) => response.end('x'.repeat(1001))],
    [
      'larger bit by bit',
      (response) => {
        for (let part = 0; part < 11; part++) response.write('x'.repeat(100))
        response.end()
      },
    ],
    ['announced before it is there', (response) => response.writeHead(200).flushHeaders()],
    [
      'a stream of events',
      (response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n'),
    ],
    ['one with trailers', (response) => response.addTrailers({ 'x-sum': '1' })],
    ['one that brings a signature', (response) => response.setHeader('signature', 'a=:AA==:').end('lamp')],
    ['one that brings a digest', (response) => response.setHeader('content-digest', 'sha-256=:AA==:').end('lamp')],
  ])('is an error, itself signed, when it is %s', async (_name, respond) => {
    const response = await call((response, request) => {
      response.setHeader('set-cookie', 'secret=1')
      respond(response, request)
      setImmediate(() => {
        response.write('more')
        response.end('more')
      })
    })
    expect([response.status, await codeOf(response)]).toEqual([501, 'ERR_SDK_RESPONSE_NOT_SIGNED'])
    expect(response.headers.get('set-cookie')).toBe(null)
  })

  it('gives methods back that others had put there', async () => {
    let through = 0
    const guarded = listenerOf((response) => response.end('lamp'))
    const listening = createHttpServer((request, response) => {
      const end = response.end.bind(response) as (...values: unknown[]) => ServerResponse
      response.end = (...values: unknown[]) => {
        through += 1
        return end(...values)
      }
      guarded(request, response)
    })
    server = listening
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
    const { port } = listening.address() as AddressInfo
    const response = await client.fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })
    expect([await response.text(), through]).toEqual(['lamp', 1])
  })

  it('is signed over HTTP/2 as well', async () => {
    const listening = createHttp2Server(
      listenerOf((response) => response.writeHead(201, { 'content-type': 'text/lamp' }).end('lamp')) as never,
    )
    server = listening
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
    const session = connectHttp2(`http://127.0.0.1:${(listening.address() as AddressInfo).port}`)
    const now = programs.clock.now()
    const unsigned = {
      method: 'POST',
      target: '/v1?a=b',
      rawHeaders: ['content-type', 'text/plain'],
      body: Buffer.from('two'),
    }
    const added = await client.identity.signatures.signRequest(unsigned, {
      now,
      audience: AUDIENCE,
      signResponse: true,
    })
    const request: HttpRequest = { ...unsigned, rawHeaders: [...unsigned.rawHeaders, ...added.rawHeaders] }
    const stream = session.request({ ':method': 'POST', ':path': '/v1?a=b', ...fieldsOf(request.rawHeaders) })
    const [fields] = await new Promise<[Record<string, unknown>]>((resolve) => {
      stream.once('response', (headers) => resolve([headers]))
      stream.end(unsigned.body)
    })
    const chunks: Buffer[] = []
    for await (const chunk of stream) chunks.push(chunk)
    session.close()
    const body = Buffer.concat(chunks)
    const rawHeaders = Object.entries(fields).flatMap(([name, value]) =>
      name.startsWith(':') ? [] : [name, String(value)],
    )
    const verifier = new HttpSignatureVerifier({
      crypto: nodeCrypto,
      wit: new WitVerifier({ trust: client.trust, crypto: nodeCrypto, profile: 'wit-svid' }),
      audience: undefined,
      replayMemory: undefined,
    })
    const context = { request, expectedPeer: undefined, now }
    const verified = await verifier.verifyResponse({ status: Number(fields[':status']), rawHeaders, body }, context)
    expect([body.toString(), fields[':status'], verified?.subject.path]).toEqual(['lamp', 201, '/orders'])
  })
})

function fieldsOf(rawHeaders: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    rawHeaders.flatMap((name, at): [string, string][] =>
      at % 2 === 0 ? [[name.toLowerCase(), rawHeaders[at + 1] as string]] : [],
    ),
  )
}

async function codeOf(response: Response): Promise<unknown> {
  return ((await response.json()) as { code?: unknown }).code
}
