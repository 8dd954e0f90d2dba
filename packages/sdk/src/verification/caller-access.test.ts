import { createServer, type Server } from 'node:http'
import { expectCode } from '@countersign/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Decision } from '../audit/decision.ts'
import { currentAuthorization } from '../context/call-context.ts'
import type { TokenSourceOptions } from '../exchange/token-source.ts'
import { verifyCaller } from '../middleware/http.ts'
import { AccessWorld } from '../test-support/access-world.ts'
import { closeServer, listen } from '../test-support/wire.ts'
import type { Workload } from '../workload.ts'
import { type CallerAccessOptions, CallerVerifier, type VerifyCallerOptions } from './caller-verifier.ts'
import type { IncomingCall } from './incoming-call.ts'

let world: AccessWorld
let storefront: Workload
let server: Server
let origin: string
let decisions: Decision[]

beforeEach(async () => {
  world = await AccessWorld.start()
  storefront = world.programs.connect('/storefront')
  decisions = []
  server = createServer()
  origin = `http://127.0.0.1:${await listen(server)}`
  world.service.answer = (call) => {
    const jkt = call.jkt ?? (storefront.identity.dpop.thumbprint as string)
    const confirmation = { kind: 'jkt', thumbprint: jkt } as const
    return {
      body: world.service.grant(
        { ...call, jkt },
        { access_token: world.service.token({ audience: [origin], confirmation }) },
      ),
    }
  }
})

afterEach(async () => {
  await closeServer(server)
  await world.stop()
})

function serve(authorization: Partial<CallerAccessOptions> = {}, change: Partial<VerifyCallerOptions> = {}): void {
  server.on(
    'request',
    verifyCaller(
      {
        workload: world.programs.connect('/orders'),
        audience: origin,
        policy: () => true,
        accessTokens: { issuer: world.service.issuer, audience: origin, scopes: 'orders.read', ...authorization },
        onDecision: (decision) => decisions.push(decision),
        ...change,
      },
      ({ caller }, response) => {
        const { authorization } = caller
        response.end(
          JSON.stringify({
            id: caller.id.toString(),
            subject: authorization?.subject,
            binding: authorization?.binding,
            same: currentAuthorization() === authorization,
          }),
        )
      },
    ),
  )
}

const source = (change: Partial<TokenSourceOptions> = {}) =>
  storefront.tokenSource({ issuer: world.service.issuer, audience: origin, fetch: storefront.fetch, ...change })
const answerTo = async (response: Response) => ({ status: response.status, ...((await response.json()) as object) })

describe('verifyCaller with accessTokens', () => {
  it('knows who calls, and on whose behalf', async () => {
    serve()
    expect(await answerTo(await source({ binding: 'dpop' }).fetch(origin))).toEqual({
      status: 200,
      id: 'spiffe://shop.example/storefront',
      subject: 'spiffe://shop.example/storefront',
      binding: 'dpop',
      same: true,
    })
    expect(decisions).toMatchObject([{ allowed: true, binding: 'wpt', accessTokenId: expect.any(String) }])
  })

  it.each(['wpt', 'http-signature'] as const)('takes a %s by the key of the token for its proof', async (proof) => {
    serve()
    const { token } = await source().token()
    const headers = { authorization: `DPoP ${token}` }
    expect(await answerTo(await storefront.fetch(origin, { headers, proof }))).toMatchObject({
      status: 200,
      binding: 'wit',
    })
  })

  it.each([
    [45, 'ERR_CREDENTIAL_EXPIRED'],
    [90, 'ERR_SIGNATURE_EXPIRED'],
  ])('judges what it was sent by the time at which the content was there, after %i seconds', async (pace, code) => {
    const sent: IncomingCall[] = []
    const fetch: typeof globalThis.fetch = async (input, init) => {
      if (!String(input).startsWith(origin)) return globalThis.fetch(input, init)
      const readBody = async () => {
        await world.clock.advance(pace)
        return init?.body as Uint8Array
      }
      sent.push({ method: 'POST', target: '/', rawHeaders: [...new Headers(init?.headers)].flat(), readBody })
      return new Response()
    }
    storefront = world.programs.connect('/storefront', { fetch })
    world.service.lifetime = 10
    const { token } = await source().token()
    const headers = { authorization: `DPoP ${token}` }
    await storefront.fetch(origin, { method: 'POST', body: 'x', headers, proof: 'http-signature' })
    const verifier = new CallerVerifier({
      workload: world.programs.connect('/orders'),
      audience: origin,
      policy: () => true,
      accessTokens: { issuer: world.service.issuer, audience: origin },
    })
    await expectCode(verifier.verify(sent[0] as IncomingCall), code)
  })

  it('takes no token that is bound to the key of another program', async () => {
    serve()
    const { token } = await source().token()
    const thief = world.programs.connect('/thief')
    const response = await thief.fetch(origin, { headers: { authorization: `DPoP ${token}` } })
    expect(await answerTo(response)).toMatchObject({ status: 403, code: 'ERR_POLICY_ACCESS_TOKEN' })
    expect(decisions).toMatchObject([{ allowed: false, caller: 'spiffe://shop.example/thief' }])
  })

  it('takes a token that is bound to nothing from the client that it was given to, and from no other', async () => {
    const audience = [origin]
    world.service.answer = (call) => ({
      body: world.service.grant(call, { access_token: world.service.token({ audience }), token_type: 'Bearer' }),
    })
    serve()
    expect(await answerTo(await source().fetch(origin))).toMatchObject({ status: 200, binding: 'client' })
    const headers = { authorization: `Bearer ${world.service.token({ audience })}` }
    const thief = world.programs.connect('/thief')
    expect(await answerTo(await thief.fetch(origin, { headers }))).toMatchObject({ code: 'ERR_POLICY_ACCESS_TOKEN' })
    server.removeAllListeners('request')
    serve({ acceptBearer: true })
    expect(await answerTo(await thief.fetch(origin, { headers }))).toMatchObject({ status: 200, binding: 'bearer' })
  })

  it('takes no token that says who calls for one that says what for', async () => {
    const bearer = world.programs.domain.jwtSvid('/storefront', [origin], world.clock.now())
    const ask = () => fetch(origin, { headers: { authorization: `Bearer ${bearer}` } })
    serve({}, { accept: ['bearer'] })
    expect(await answerTo(await ask())).toMatchObject({ status: 401, code: 'ERR_CREDENTIAL_MISSING' })
    server.removeAllListeners('request')
    serve({ required: false }, { accept: ['bearer'] })
    expect(await answerTo(await ask())).toEqual({ status: 200, id: 'spiffe://shop.example/storefront', same: true })
  })

  it('wants a token, unless it is told otherwise; one that comes must hold', async () => {
    serve()
    const refused = await storefront.fetch(origin)
    expect(refused.headers.get('www-authenticate')).toMatch(/^DPoP scope="orders.read", algs=/)
    expect(await answerTo(refused)).toMatchObject({ status: 401, code: 'ERR_CREDENTIAL_MISSING' })
    server.removeAllListeners('request')
    serve({ required: false })
    expect(await answerTo(await storefront.fetch(origin))).toMatchObject({ status: 200 })
    const response = await storefront.fetch(origin, { headers: { authorization: 'Bearer x' } })
    expect(await answerTo(response)).toMatchObject({ status: 401, code: 'ERR_CREDENTIAL_MALFORMED' })
  })

  it('still wants to know who calls: a token alone is not enough', async () => {
    serve()
    const response = await source({ binding: 'dpop', fetch: globalThis.fetch }).fetch(origin)
    expect(await answerTo(response)).toMatchObject({ status: 400, code: 'ERR_CREDENTIAL_MISSING' })
  })

  it('refuses for a scope that is missing, with the words of OAuth', async () => {
    serve({ scopes: 'orders.write' })
    const response = await source({ binding: 'dpop' }).fetch(origin)
    expect(response.headers.get('www-authenticate')).toContain('error="insufficient_scope"')
    expect(await answerTo(response)).toMatchObject({ status: 403, code: 'ERR_POLICY_SCOPE' })
  })

  it('asks for a nonce, and the source sends it', async () => {
    serve({ dpopNonce: true })
    expect(await answerTo(await source({ binding: 'dpop' }).fetch(origin))).toMatchObject({
      status: 200,
      binding: 'dpop',
    })
    expect(decisions.map(({ code }) => code)).toEqual(['ERR_PROOF_NONCE', undefined])
  })
})
