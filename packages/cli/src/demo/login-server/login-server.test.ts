import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { decodeToken } from '@countersign/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startLoginServer } from './login-server.ts'
import { makeWebCertificate, type WebCertificate } from './web-certificate.ts'

const REDIRECT_URI = 'http://127.0.0.1:9/signed-in'
const VERIFIER = 'v'.repeat(43)

let certificate: WebCertificate
let server: Server
beforeAll(async () => {
  certificate = await makeWebCertificate(Math.floor(Date.now() / 1000))
  server = startLoginServer({
    port: 0,
    certificate,
    user: { name: 'alice', email: 'alice@shop.example', password: 'secret' },
    redirectUris: [REDIRECT_URI],
    scopes: ['payments.write'],
  })
  await once(server, 'listening')
})
afterAll(() => server.close())

interface Answer {
  readonly status: number | undefined
  readonly location: string
  readonly body: string
}

function call(path: string, form?: Readonly<Record<string, string>>): Promise<Answer> {
  const { port } = server.address() as AddressInfo
  return new Promise((resolve, reject) => {
    const options = { ca: certificate.root, agent: false, method: form === undefined ? 'GET' : 'POST' } as const
    const outgoing = request({ ...options, host: '127.0.0.1', port, path }, async (answer) => {
      const { statusCode: status, headers } = answer
      resolve({ status, location: headers.location ?? '', body: await text(answer) })
    })
    outgoing.once('error', reject)
    outgoing.end(form && new URLSearchParams(form).toString())
  })
}

function authorize(change: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const query = {
    response_type: 'code',
    client_id: 'shop-app',
    redirect_uri: REDIRECT_URI,
    scope: 'payments.write payments.refund',
    state: 'state-1',
    resource: 'https://id.shop.example/oauth2',
    code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'),
    code_challenge_method: 'S256',
    ...change,
  }
  return call(`/authorize?${new URLSearchParams(query)}`)
}

async function codeFor(password = 'secret'): Promise<string> {
  const [, pending = ''] = / name="request" value="([^"]+)"/.exec((await authorize()).body) ?? []
  const { location } = await call('/login', { request: pending, user: 'alice', password })
  return URL.parse(location)?.searchParams.get('code') ?? ''
}

const redeem = (code: string, change: Readonly<Record<string, string>> = {}) =>
  call('/token', {
    grant_type: 'authorization_code',
    code,
    code_verifier: VERIFIER,
    client_id: 'shop-app',
    redirect_uri: REDIRECT_URI,
    ...change,
  })

describe('the login server of the demo', () => {
  it('gives an access token for a code, with no more scope than there is', async () => {
    const { body } = await redeem(await codeFor())
    const { access_token: token } = JSON.parse(body)
    expect(decodeToken(token)).toMatchObject({
      header: { typ: 'at+jwt', kid: 'login-1' },
      claims: {
        sub: 'alice',
        aud: 'https://id.shop.example/oauth2',
        client_id: 'shop-app',
        scope: 'payments.write',
        email: 'alice@shop.example',
      },
    })
  })

  it('takes a code once', async () => {
    const code = await codeFor()
    expect((await redeem(code)).status).toBe(200)
    expect((await redeem(code)).status).toBe(400)
  })

  it.each([
    ['another verifier', { code_verifier: 'x' }],
    ['another client', { client_id: 'x' }],
    ['another place to go back to', { redirect_uri: 'http://127.0.0.1:9/x' }],
    ['another grant type', { grant_type: 'password' }],
  ])('takes no code with %s', async (_, change) => {
    expect((await redeem(await codeFor(), change)).status).toBe(400)
  })

  it.each([
    ['without PKCE', { code_challenge: '' }],
    ['with a challenge that is the verifier itself', { code_challenge_method: 'plain' }],
    ['for somebody else to be sent back to', { redirect_uri: 'http://127.0.0.1:9/x' }],
  ])('shows no form for a request %s', async (_, change) => {
    expect((await authorize(change)).status).toBe(400)
  })

  it.each(['//', '//:', 'http://['])('refuses a request for %s, and goes on', async (path) => {
    expect(await call(path)).toMatchObject({ status: 400, body: '{"error":"invalid_request"}' })
    expect((await authorize()).status).toBe(200)
  })

  it.each(['/login', '/token'])('reads no more than a form of %s can hold', async (path) => {
    expect((await call(path, { request: 'x'.repeat(15 * 1024) })).body).not.toContain('invalid_request')
    expect(await call(path, { request: 'x'.repeat(16 * 1024) })).toMatchObject({
      status: 400,
      body: '{"error":"invalid_request"}',
    })
  })

  it('outlives one who leaves in the middle of a form', async () => {
    const { port } = server.address() as AddressInfo
    const options = { ca: certificate.root, agent: false, method: 'POST', headers: { 'content-length': '100' } }
    const outgoing = request(`https://127.0.0.1:${port}/login`, options)
    const arrived = once(server, 'request')
    outgoing.on('error', () => {}).write('request=')
    const [incoming] = await arrived
    const left = new Promise((resolve) => incoming.once('close', resolve))
    outgoing.destroy()
    await left
    expect((await authorize()).status).toBe(200)
  })

  it('gives no code for another password', async () => {
    expect(await codeFor('guess')).toBe('')
  })
})
