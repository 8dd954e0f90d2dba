import { createServer, type Server, type ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { expectCode } from '@countersign/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type VerifiedRequest, verifyCaller } from '../middleware/http.ts'
import { type ProgramOptions, Programs } from '../test-support/programs.ts'
import { closeServer, listen } from '../test-support/wire.ts'
import type { Workload } from '../workload.ts'
import { responderOf } from './responder.ts'

let programs: Programs
let server: Server
let origin: string
let received: { method: string; url: string; contentType: string; body: string }[]
let respond: (response: ServerResponse) => void

beforeEach(async () => {
  programs = new Programs()
  received = []
  respond = (response) => response.end('done')
  server = createServer()
  origin = `http://127.0.0.1:${await listen(server)}`
  server.on(
    'request',
    verifyCaller({ workload: programs.connect('/orders'), audience: origin, policy: () => true }, record),
  )
})

afterEach(() => closeServer(server))

async function record(request: VerifiedRequest, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const { method = '', url = '', headers } = request
  received.push({ method, url, contentType: headers['content-type'] ?? '', body: Buffer.concat(chunks).toString() })
  respond(response)
}

function client(options: ProgramOptions = {}): Workload {
  return programs.connect('/storefront', { targets: () => ({ proof: 'http-signature' }), ...options })
}

describe('a signed fetch', () => {
  it.each<[string, RequestInit, { method?: string; contentType?: string | RegExp; body?: string | RegExp }]>([
    ['nothing', {}, { method: 'GET', body: '' }],
    ['a text', { method: 'POST', body: 'lamp' }, { contentType: 'text/plain;charset=UTF-8', body: 'lamp' }],
    ['bytes', { method: 'PUT', body: new Uint8Array([97, 98]) }, { body: 'ab' }],
    ['a form', { method: 'POST', body: new URLSearchParams({ a: 'b' }) }, { body: 'a=b', contentType: /urlencoded/ }],
    [
      'form data',
      { method: 'POST', body: formData() },
      { contentType: /^multipart\/form-data; boundary=/, body: /lamp/ },
    ],
    ['a stream', { method: 'POST', body: new Blob(['lamp']).stream() }, { body: 'lamp' }],
    ['a body with DELETE', { method: 'DELETE', body: 'lamp' }, { method: 'DELETE', body: 'lamp' }],
  ])('sends %s as fetch does', async (_name, init, expected) => {
    const response = await client().fetch(`${origin}/v1?a=b%20c`, init)
    expect(response.status).toBe(200)
    const [{ method, url, contentType, body } = fail()] = received
    expect(url).toBe('/v1?a=b%20c')
    for (const [got, wanted] of [
      [method, expected.method],
      [contentType, expected.contentType],
      [body, expected.body],
    ] as const) {
      if (wanted !== undefined) expect(got).toMatch(wanted)
    }
  })

  it('sends a Request', async () => {
    const request = new Request(`${origin}/v1`, { method: 'POST', body: 'lamp', headers: { 'x-own': '1' } })
    expect((await client().fetch(request)).status).toBe(200)
    expect(received[0]).toMatchObject({ method: 'POST', body: 'lamp' })
  })

  it.each(['signature', 'signature-input', 'content-digest', 'workload-identity-token', 'workload-proof-token'])(
    'leaves nobody else the field %s',
    async (name) => {
      await expectCode(client().fetch(origin, { headers: { [name]: 'x' } }), 'ERR_SDK_REQUEST')
      expect(received).toEqual([])
    },
  )

  it('refuses content that is larger than what is held', async () => {
    await expectCode(
      client({ maxSignedBodyBytes: 3 }).fetch(origin, { method: 'POST', body: 'lamp' }),
      'ERR_SDK_REQUEST',
    )
    expect(received).toEqual([])
  })

  it('refuses a signed response that is larger than what is held', async () => {
    respond = (response) => response.end('x'.repeat(100))
    await expectCode(client({ maxSignedBodyBytes: 99 }).fetch(origin, { signResponse: true }), 'ERR_SDK_RESPONSE')
  })

  it('asks for no content coding, and takes none in a signed response', async () => {
    respond = (response) => response.setHeader('content-encoding', 'gzip').end(gzipSync('done'))
    await expectCode(client().fetch(origin, { signResponse: true }), 'ERR_SDK_RESPONSE')
    expect(await (await client().fetch(origin)).text()).toBe('done')
  })

  it('leaves an unsigned response a stream', async () => {
    respond = (response) => response.write('first')
    const response = await client().fetch(origin)
    const reader = response.body?.getReader()
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('first')
    await reader?.cancel()
  })

  it.each([
    ['no content', 204],
    ['nothing new', 304],
  ])('takes a signed response with %s', async (_name, status) => {
    respond = (response) => response.writeHead(status).end()
    const response = await client().fetch(origin, { signResponse: true })
    expect([response.status, responderOf(response)?.path]).toEqual([status, '/orders'])
    expect(response.url).toBe(`${origin}/`)
  })

  it('says why a response was not signed, as far as it is told', async () => {
    const problem = { 'content-type': 'application/problem+json' }
    const { detail } = await expectCode(
      client({
        fetch: async () => new Response('{"code":"ERR_SIGNATURE_AUDIENCE"}', { status: 400, headers: problem }),
      }).fetch(origin, { signResponse: true }),
      'ERR_SIGNATURE_MISSING',
    )
    expect(detail).toBe('status 400, ERR_SIGNATURE_AUDIENCE')
    for (const body of ['{"code":"<script>"}', '{}', 'x', 'y'.repeat(20_000)]) {
      const { detail } = await expectCode(
        client({ fetch: async () => new Response(body, { status: 502, headers: problem }) }).fetch(origin, {
          signResponse: true,
        }),
        'ERR_SIGNATURE_MISSING',
      )
      expect(detail).toBe('status 502')
    }
  })

  it('refuses two answers to one request', async () => {
    let first: Response | undefined
    const fetchTwice: typeof fetch = async (...call) => {
      first ??= await fetch(...call)
      return first.clone() as Response
    }
    const twice = client({ fetch: fetchTwice })
    await twice.fetch(origin, { signResponse: true })
    await expectCode(twice.fetch(origin, { signResponse: true }), 'ERR_SIGNATURE_REQUEST_NONCE')
  })
})

function formData(): FormData {
  const form = new FormData()
  form.set('item', 'lamp')
  return form
}

function fail(): never {
  throw new Error('nothing was received')
}
