import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { decodeToken, expectCode } from '@countersign/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runWithTransaction } from '../context/call-context.ts'
import { eventually } from '../test-support/host.ts'
import { Programs } from '../test-support/programs.ts'
import { TokenService } from '../test-support/token-service.ts'
import type { Workload } from '../workload.ts'
import type { ExchangeRequest } from './exchange-request.ts'
import { TokenClient } from './token-client.ts'
import { TokenRefusedError } from './token-refused-error.ts'
import { withoutAgent } from './token-requester.ts'

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const STOREFRONT = 'spiffe://shop.example/storefront'

let programs: Programs
let service: TokenService
let workload: Workload
let folder: string

beforeEach(async () => {
  programs = new Programs()
  service = await TokenService.start(programs)
  workload = programs.connect('/storefront')
  folder = await mkdtemp(join(tmpdir(), 'countersign-'))
})

afterEach(async () => {
  await service.stop()
  await rm(folder, { recursive: true, force: true })
})

const ask = (request: Partial<ExchangeRequest> = {}) => workload.exchange({ issuer: service.issuer, ...request })
const lastForm = () => Object.fromEntries(service.calls.at(-1)?.form ?? [])

describe('workload.exchange', () => {
  it('finds the token endpoint by the issuer, once, and says who asks by WIT and proof', async () => {
    const token = await ask({ audience: 'https://orders.example', scope: ['orders.read', 'orders.write'] })
    await ask()
    expect(service.documentRequests).toEqual(['/.well-known/oauth-authorization-server/oauth2'])
    expect(service.calls[0]).toMatchObject({ caller: STOREFRONT, jkt: undefined })
    expect(Object.fromEntries(service.calls[0]?.form ?? [])).toEqual({
      grant_type: 'client_credentials',
      audience: 'https://orders.example',
      scope: 'orders.read orders.write',
    })
    const now = programs.clock.now()
    expect(token).toMatchObject({ scheme: 'Bearer', scopes: ['orders.read', 'orders.write'], expiresAt: now + 300 })
    expect(decodeToken(token.token).claims).toMatchObject({ iss: service.issuer })
  })

  it('exchanges a token on behalf of somebody, with an actor, for several targets', async () => {
    const target = { audience: ['a', 'b'], resource: 'https://c.example', requestedTokenType: ACCESS_TOKEN }
    const subjectToken = { token: 'subject', type: 'urn:x:subject' }
    await ask({ ...target, subjectToken, actorToken: { token: 'actor', type: 'urn:x:actor' } })
    expect(service.calls[0]?.form.getAll('audience')).toEqual(['a', 'b'])
    expect(lastForm()).toMatchObject({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: 'subject',
      subject_token_type: 'urn:x:subject',
      actor_token: 'actor',
      actor_token_type: 'urn:x:actor',
      resource: 'https://c.example',
      requested_token_type: ACCESS_TOKEN,
    })
    await ask({ subjectToken: 'wit' })
    expect(lastForm()).toMatchObject({ subject_token: workload.identity.wit })
  })

  it('takes the grant of another domain there', async () => {
    await ask({ assertion: { token: 'grant', type: 'urn:ietf:params:oauth:token-type:jwt' } })
    expect(lastForm()).toEqual({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: 'grant' })
  })

  it('says who asks by a JWT-SVID for the issuer', async () => {
    await ask({ authentication: 'jwt-svid' })
    expect(service.calls[0]?.caller).toBeUndefined()
    const form = lastForm() as Record<string, string>
    expect(form['client_assertion_type']).toBe('urn:ietf:params:oauth:client-assertion-type:jwt-spiffe')
    expect(decodeToken(form['client_assertion'] ?? '').claims).toMatchObject({ sub: STOREFRONT, aud: [service.issuer] })
  })

  it('reads a token of the platform again for each request', async () => {
    const assertionFile = join(folder, 'token')
    for (const token of ['first', 'second']) {
      await writeFile(assertionFile, `${token}\n`)
      await ask({ authentication: { assertionFile } })
      expect(lastForm()).toMatchObject({
        client_assertion: token,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      })
    }
    await writeFile(assertionFile, 'subject')
    await ask({ subjectToken: { file: assertionFile, type: 'urn:x' } })
    expect(lastForm()).toMatchObject({ subject_token: 'subject' })
  })

  it.each<[string, string | undefined]>([
    ['that is not there', undefined],
    ['that is empty', ' \n'],
    ['with two words', 'user password'],
    ['with more than a token', 'x'.repeat(16 * 1024 + 1)],
    ['with bytes', 'tok\u0000en'],
  ])('sends nothing of a file %s', async (_, content) => {
    const assertionFile = join(folder, 'token')
    if (content !== undefined) await writeFile(assertionFile, content)
    await expectCode(ask({ authentication: { assertionFile } }), 'ERR_SDK_TOKEN_FILE')
    expect(service.calls).toEqual([])
  })

  it('needs no agent where a file says who asks', async () => {
    const client = new TokenClient(withoutAgent({ now: () => programs.clock.now() }))
    const assertionFile = join(folder, 'token')
    await writeFile(assertionFile, 'platform')
    const { issuer } = service
    expect((await client.exchange({ issuer, authentication: { assertionFile } })).scheme).toBe('DPoP')
    await expectCode(client.exchange({ issuer }), 'ERR_SDK_NO_IDENTITY')
    await expectCode(client.exchange({ issuer, authentication: 'jwt-svid' }), 'ERR_SDK_NO_IDENTITY')
    await expectCode(client.exchange({ issuer, subjectToken: 'wit' }), 'ERR_SDK_NO_IDENTITY')
  })

  it('refuses what no grant can be, before anything is sent', async () => {
    const subjectToken = { token: 'a', type: 'b' }
    await expectCode(ask({ requestedTokenType: ACCESS_TOKEN }), 'ERR_SDK_REQUEST')
    await expectCode(ask({ actorToken: subjectToken }), 'ERR_SDK_REQUEST')
    await expectCode(ask({ subjectToken, assertion: subjectToken }), 'ERR_SDK_REQUEST')
    await expect(workload.exchange({ issuer: 'http://id.example' })).rejects.toThrow(TypeError)
    await expect(ask({ tokenEndpoint: 'http://id.example/token' })).rejects.toThrow(TypeError)
    expect(service.documentRequests).toEqual([])
  })

  it('shows all of a token but the token', async () => {
    const token = await ask()
    for (const shown of [inspect(token, { depth: 5, showHidden: true }), JSON.stringify(token)]) {
      expect(shown).toContain('Bearer')
      expect(shown).not.toContain(token.token.slice(0, 20))
    }
  })

  it('leaves the transaction that it is called in out of it', async () => {
    await runWithTransaction({ content: undefined, token: async () => 'transaction' }, () => ask())
    expect(service.calls[0]).toMatchObject({ caller: STOREFRONT, txnToken: undefined })
  })
})

describe('binding', () => {
  it('is to a key of the process, to that of the WIT, or to one that is given', async () => {
    const own = await ask({ binding: 'dpop' })
    const again = await ask({ binding: 'dpop' })
    const byWit = await ask({ binding: 'wit' })
    const given = await ask({ binding: { key: generateSigningKey('ES384') } })
    const keys = service.calls.map(({ jkt }) => jkt)
    expect(keys[0]).toBe(keys[1])
    expect(new Set(keys).size).toBe(3)
    expect([own, again, byWit, given].map(({ proofs }) => proofs?.thumbprint)).toEqual(keys)
    expect(keys[2]).toBe(workload.identity.dpop.thumbprint)
  })

  it('is asked for by default where an assertion authenticates and the service knows DPoP', async () => {
    expect((await ask({ authentication: 'jwt-svid' })).scheme).toBe('DPoP')
    expect((await ask({ authentication: 'jwt-svid', binding: 'none' })).scheme).toBe('Bearer')
    service.metadata = { dpop_signing_alg_values_supported: undefined }
    await programs.clock.advance(301)
    expect((await ask({ authentication: 'jwt-svid' })).scheme).toBe('Bearer')
  })

  it('sends the nonce that the service asks for, once, and keeps it', async () => {
    service.asksForNonce = true
    expect((await ask({ binding: 'dpop' })).scheme).toBe('DPoP')
    await ask({ binding: 'dpop' })
    expect(service.calls).toHaveLength(2)
    await programs.clock.advance(300)
    await ask({ binding: 'dpop' })
    expect(service.calls).toHaveLength(3)
  })

  it('forgets a nonce that the service refuses without another', async () => {
    service.asksForNonce = true
    await ask({ binding: 'dpop' })
    service.asksForNonce = false
    let refusals = 1
    service.answer = (call) =>
      refusals-- > 0 ? { status: 400, body: { error: 'use_dpop_nonce' } } : { body: service.grant(call) }
    expect((await ask({ binding: 'dpop' })).scheme).toBe('DPoP')
    expect(service.calls).toHaveLength(3)
  })

  it('does not ask again and again', async () => {
    service.answer = () => ({ status: 400, body: { error: 'use_dpop_nonce' } })
    await expectCode(ask({ binding: 'dpop' }), 'ERR_SDK_TOKEN_REFUSED')
    expect(service.calls).toHaveLength(1)
    service.asksForNonce = true
    await expectCode(ask({ binding: 'dpop' }), 'ERR_SDK_TOKEN_REFUSED')
    expect(service.calls).toHaveLength(2)
    await expectCode(ask({ binding: 'dpop' }), 'ERR_SDK_TOKEN_REFUSED')
    expect(service.calls).toHaveLength(3)
  })

  it('takes a token that the service bound to the WIT by itself', async () => {
    const thumbprint = workload.identity.dpop.thumbprint as string
    service.answer = (call) => ({ body: service.grant({ ...call, jkt: thumbprint }) })
    expect((await ask()).proofs).toBe(workload.identity.dpop)
    await expectCode(ask({ authentication: 'jwt-svid', binding: 'none' }), 'ERR_SDK_TOKEN_RESPONSE')
  })

  it('keeps the key of a token when the identity is renewed', async () => {
    const token = await ask({ binding: 'wit' })
    workload.replaceIdentities(programs.connect('/storefront').identities)
    expect(token.proofs?.thumbprint).toBe(service.calls[0]?.jkt)
    expect(workload.identity.dpop.thumbprint).not.toBe(token.proofs?.thumbprint)
  })
})

describe('what it takes no token from', () => {
  it.each<[string, object]>([
    ['another issuer', { issuer: 'https://evil.example' }],
    ['a token endpoint without TLS', { token_endpoint: 'http://id.example/token' }],
    ['a token endpoint that is no text', { token_endpoint: 7 }],
    ['no token endpoint', { token_endpoint: undefined }],
  ])('metadata of %s', async (_, metadata) => {
    service.metadata = metadata
    await expectCode(ask(), 'ERR_SDK_METADATA')
    expect(service.calls).toEqual([])
  })

  it.each<[string, (grant: object) => object | string]>([
    ['no JSON', () => 'token'],
    ['a member twice', () => '{"access_token":"a","access_token":"b","token_type":"Bearer","expires_in":1}'],
    ['no token', (grant) => ({ ...grant, access_token: undefined })],
    ['no type', (grant) => ({ ...grant, token_type: undefined })],
    ['an unknown type', (grant) => ({ ...grant, token_type: 'mac' })],
    ['a token that breaks a line', (grant) => ({ ...grant, access_token: 'to\nken' })],
    ['a token of two words', (grant) => ({ ...grant, access_token: 'to ken', token_type: 'DPoP' })],
    ['a token that no field takes', (grant) => ({ ...grant, access_token: 'tok\u00e9n' })],
    ['bytes that are no access token', (grant) => ({ ...grant, access_token: 'to\u0000ken', token_type: 'N_A' })],
    ['no lifetime', (grant) => ({ ...grant, expires_in: undefined })],
    ['no life', (grant) => ({ ...grant, expires_in: 0 })],
    ['too much', (grant) => ({ ...grant, x: 'x'.repeat(65_536) })],
  ])('an answer with %s', async (_, change) => {
    service.answer = (call) => ({ body: change(service.grant(call)) })
    await expectCode(ask(), 'ERR_SDK_TOKEN_RESPONSE')
  })

  it.each<[string, Partial<ExchangeRequest>, object]>([
    ['is of another type', { requestedTokenType: 'urn:x' }, {}],
    ['is bound to nothing, though asked for', { binding: 'dpop' }, { token_type: 'Bearer' }],
  ])('a token that %s', async (_, request, change) => {
    service.answer = (call) => ({ body: service.grant(call, change) })
    await expectCode(ask({ subjectToken: 'wit', ...request }), 'ERR_SDK_TOKEN_RESPONSE')
  })

  it.each([
    ['Bearer', 'opaque-._~+/=='],
    ['N_A', '-----BEGIN CERTIFICATE-----\r\nAAAA\n-----END CERTIFICATE-----\n'],
  ])('but takes, as %s, %j', async (scheme, token) => {
    service.answer = (call) => ({ body: service.grant(call, { access_token: token, token_type: scheme }) })
    expect(await ask()).toMatchObject({ scheme, token })
  })

  it("a token that is bound to somebody else's key", async () => {
    const other = programs.connect('/other').identity.dpop.thumbprint as string
    service.answer = (call) => ({ body: service.grant({ ...call, jkt: other }) })
    await expectCode(ask({ binding: 'dpop' }), 'ERR_SDK_TOKEN_RESPONSE')
    await expectCode(ask(), 'ERR_SDK_TOKEN_RESPONSE')
  })

  it('a service that redirects: who asks would be told to somebody else', async () => {
    const elsewhere = await TokenService.start(programs)
    const redirecting = programs.connect('/storefront', {
      fetch: async (input, init) =>
        String(input) === service.tokenEndpoint ? Response.redirect(elsewhere.tokenEndpoint, 307) : fetch(input, init),
    })
    const error = await expectCode(redirecting.exchange({ issuer: service.issuer }), 'ERR_SDK_TOKEN_REFUSED')
    expect(error).toMatchObject({ status: 307, error: undefined })
    const assertionFile = join(folder, 'token')
    await writeFile(assertionFile, 'platform')
    service.answer = () => ({ status: 307, body: {}, location: elsewhere.tokenEndpoint })
    await expectCode(ask({ authentication: { assertionFile }, binding: 'none' }), 'ERR_SDK_TOKEN_REFUSED')
    expect(service.calls).toHaveLength(1)
    expect(elsewhere.calls).toEqual([])
    await elsewhere.stop()
  })
})

describe('failures', () => {
  it('carry the OAuth error, and keep the words of the service for the log', async () => {
    service.answer = () => ({ status: 400, body: { error: 'invalid_target', error_description: 'no such thing' } })
    const error = await ask().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(TokenRefusedError)
    expect(error).toMatchObject({
      code: 'ERR_SDK_TOKEN_REFUSED',
      error: 'invalid_target',
      status: 400,
      detail: 'no such thing',
      message: 'the token service gives no token: invalid_target',
    })
    service.answer = () => ({ status: 502, body: '<html>' })
    await expect(ask()).rejects.toMatchObject({ error: undefined, status: 502 })
  })

  it('end a wait: by time, and by a signal', async () => {
    await ask()
    service.held = new Promise(() => {})
    const waiting = expectCode(ask(), 'ERR_SDK_TOKEN_SERVICE')
    await eventually(() => expect(service.waiting).toBe(1))
    await programs.clock.advance(10)
    await waiting
    const halt = new AbortController()
    const asked = ask({ signal: halt.signal })
    halt.abort(new Error('enough'))
    await expect(asked).rejects.toThrow('enough')
    await expect(ask({ signal: halt.signal })).rejects.toThrow('enough')
    const metadata = new Promise<Response>(() => {})
    const lost = programs.connect('/storefront', { fetch: () => metadata })
    const later = new AbortController()
    const waitingForMetadata = lost.exchange({ issuer: service.issuer, signal: later.signal })
    later.abort(new Error('enough'))
    await expect(waitingForMetadata).rejects.toThrow('enough')
  })

  it('say that nobody is there', async () => {
    await ask()
    await service.stop()
    await expectCode(ask(), 'ERR_SDK_TOKEN_SERVICE')
    await expectCode(workload.exchange({ issuer: `${service.origin}/other` }), 'ERR_SDK_METADATA')
    service = await TokenService.start(programs)
  })
})
