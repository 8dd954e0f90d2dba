/** What `verifyCaller` promises about the ways to prove who calls, whatever framework it stands in. */
import { expectCode } from '@countersign/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Decision } from '../audit/decision.ts'
import type { Policy } from '../authorization/policy.ts'
import { responderOf } from '../presentation/responder.ts'
import { acceptBearerFrom } from '../verification/binding.ts'
import type { Caller } from '../verification/caller.ts'
import type { VerifyCallerOptions } from '../verification/caller-verifier.ts'
import type { Workload } from '../workload.ts'
import type { RunningApplication, StartApplication } from './framework-contract.ts'
import { type ProgramOptions, Programs, throughMiddlebox } from './programs.ts'
import type { WireResponse } from './wire.ts'

const SERVICE = 'https://orders.example'
const TARGET = '/v1/orders'
const BODY = '{"item":"lamp"}'
const STOREFRONT = 'spiffe://shop.example/storefront'
const ORDERS = 'spiffe://shop.example/orders'

export function describeBindings(framework: string, start: StartApplication): void {
  describe(`bindings of verifyCaller in ${framework}`, () => {
    let programs: Programs
    let application: RunningApplication | undefined
    let decisions: Decision[]
    let errors: unknown[]
    let callers: (Caller | undefined)[]
    let answer: object

    beforeEach(() => {
      programs = new Programs()
      decisions = []
      errors = []
      callers = []
      answer = {}
    })

    afterEach(async () => {
      await application?.close()
      application = undefined
    })

    async function run(options: Partial<VerifyCallerOptions> = {}): Promise<void> {
      application = await start(
        {
          workload: programs.connect('/orders'),
          audience: SERVICE,
          policy: (caller) => caller.id.toString() === STOREFRONT,
          onDecision: (decision) => decisions.push(decision),
          onError: (error) => errors.push(error),
          ...options,
        },
        async (caller, body) => {
          callers.push(caller)
          return { got: body, ...answer }
        },
      )
    }

    const origin = () => `http://127.0.0.1:${application?.port}`

    function storefront(options: ProgramOptions = {}): Workload {
      const settings = { proof: 'http-signature', audience: SERVICE + TARGET } as const
      return programs.connect('/storefront', { targets: () => settings, ...options })
    }

    function post(workload: Workload, init: Parameters<Workload['fetch']>[1] = {}): Promise<Response> {
      return workload.fetch(origin() + TARGET, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: BODY,
        ...init,
      })
    }

    function bearer(token: string): Promise<WireResponse> {
      if (application === undefined) throw new Error('no application runs')
      return application.send({ target: TARGET, body: BODY, fields: [['Authorization', `Bearer ${token}`]] })
    }

    describe('a signed request', () => {
      it('reaches the handler with its content', async () => {
        await run()
        const response = await post(storefront())
        expect(await response.json()).toEqual({ got: { item: 'lamp' } })
        expect(callers[0]).toMatchObject({
          binding: 'http-signature',
          audience: SERVICE + TARGET,
          expiresAt: programs.clock.now() + 3600,
        })
        expect(callers[0]?.id.toString()).toBe(STOREFRONT)
        expect(decisions[0]).toMatchObject({ allowed: true, binding: 'http-signature' })
      })

      it('may be larger than what a socket buffers', async () => {
        await run()
        const item = 'x'.repeat(90_000)
        const response = await post(storefront(), { body: JSON.stringify({ item }) })
        expect(await response.json()).toEqual({ got: { item } })
      })

      it('carries tokens, which it covers', async () => {
        await run()
        const headers = { 'content-type': 'application/json', authorization: 'Bearer at-1', 'txn-token': 'tt-1' }
        expect((await post(storefront(), { headers })).status).toBe(200)
        expect(callers[0]).toMatchObject({ accessToken: 'at-1', txnToken: 'tt-1' })
      })

      it('is refused when its content was changed on the way', async () => {
        await run()
        const fetch = throughMiddlebox((body) => body.replace('lamp', 'safe'))
        const response = await post(storefront({ fetch }))
        expect(response.status).toBe(400)
        expect(await response.json()).toMatchObject({ code: 'ERR_SIGNATURE_DIGEST_MISMATCH' })
        expect(callers).toEqual([])
      })

      it.each<[string, (url: string, init: RequestInit) => [string, RequestInit], string]>([
        ['query', (url, init) => [`${url}?admin=1`, init], 'ERR_SIGNATURE_INVALID'],
        [
          'content type',
          (url, init) => [url, withField(init, 'content-type', 'application/json;a=b')],
          'ERR_SIGNATURE_INVALID',
        ],
        [
          'access token',
          (url, init) => [url, withField(init, 'authorization', 'Bearer x')],
          'ERR_SIGNATURE_COMPONENT_UNCOVERED',
        ],
        [
          'transaction token',
          (url, init) => [url, withField(init, 'txn-token', 'x')],
          'ERR_SIGNATURE_COMPONENT_UNCOVERED',
        ],
        [
          'digest',
          (url, init) => [url, withField(init, 'content-digest', undefined)],
          'ERR_SIGNATURE_COMPONENT_ABSENT',
        ],
      ])('is refused when its %s was changed on the way', async (_name, change, code) => {
        await run()
        const client = storefront({ fetch: (url, init) => fetch(...change(String(url), init ?? {})) })
        const response = await post(client)
        expect([response.status, await codeOf(response), callers.length]).toEqual([400, code, 0])
      })

      it('is refused the second time', async () => {
        await run()
        const sent: [string, RequestInit][] = []
        const client = storefront({
          fetch: (url, init) => {
            sent.push([String(url), { ...init }])
            return fetch(url, init)
          },
        })
        expect((await post(client)).status).toBe(200)
        const again = await fetch(...(sent[0] as [string, RequestInit]))
        expect([again.status, await codeOf(again)]).toEqual([400, 'ERR_SIGNATURE_REPLAYED'])
      })

      it('is refused when it is larger than what is held in memory', async () => {
        await run({ maxSignedBodyBytes: 10 })
        const response = await post(storefront())
        expect([response.status, await codeOf(response)]).toEqual([413, 'ERR_REQUEST_BODY_TOO_LARGE'])
        expect(callers).toEqual([])
      })

      it('of somebody unknown is refused before its content is read', async () => {
        await run()
        if (application === undefined) throw new Error('no application runs')
        const stranger = new Programs().connect('/storefront')
        const message = {
          method: 'POST',
          target: TARGET,
          rawHeaders: ['content-type', 'application/json'],
          body: Buffer.from(BODY),
        }
        const content = { now: programs.clock.now(), audience: SERVICE + TARGET }
        const { rawHeaders } = await stranger.identity.signatures.signRequest(message, content)
        // The content never comes; an answer that waits for it would not come either.
        const { promise: never, resolve: end } = Promise.withResolvers<void>()
        const fields = rawHeaders.flatMap((name, at) =>
          at % 2 === 0 ? [[name, rawHeaders[at + 1] as string] as const] : [],
        )
        const response = await application.send({ target: TARGET, body: BODY, fields, bodyAfter: never })
        end()
        expect([response.status, JSON.parse(response.text).code]).toEqual([400, 'ERR_CREDENTIAL_SIGNATURE'])
      })

      it('is refused beside a proof token that does not hold', async () => {
        await run()
        const fetch: typeof globalThis.fetch = (url, init) =>
          globalThis.fetch(url, withField(init ?? {}, 'workload-proof-token', 'a.b.c'))
        const response = await post(storefront({ fetch }))
        expect([response.status, await codeOf(response)]).toEqual([400, 'ERR_PROOF_MALFORMED'])
      })
    })

    describe('a response to a signed request', () => {
      it('is signed when the caller wants that', async () => {
        await run()
        const response = await post(storefront(), { signResponse: true })
        expect(response.headers.get('signature-input')).toContain('wimse-req-nonce')
        expect(responderOf(response)?.toString()).toBe(ORDERS)
        expect(await response.json()).toEqual({ got: { item: 'lamp' } })
      })

      it('is not signed when nobody wants that', async () => {
        await run()
        const response = await post(storefront())
        expect(response.headers.get('signature')).toBe(null)
        expect(responderOf(response)).toBe(undefined)
      })

      it('is signed when the service wants that', async () => {
        await run({ signResponses: true })
        expect(responderOf(await post(storefront()))?.toString()).toBe(ORDERS)
      })

      it('is taken from the workload that was meant', async () => {
        await run()
        const response = await post(storefront(), { peer: ORDERS })
        expect(responderOf(response)?.toString()).toBe(ORDERS)
      })

      it('is not taken from another workload', async () => {
        await run()
        await expectCode(post(storefront(), { peer: 'spiffe://shop.example/payments' }), 'ERR_SIGNATURE_PEER')
      })

      it('is signed when it is a refusal, too', async () => {
        await run({ policy: () => false })
        const response = await post(storefront(), { signResponse: true })
        expect([response.status, responderOf(response)?.toString()]).toEqual([403, ORDERS])
      })

      it('is an error when it is too large to be signed', async () => {
        await run({ maxSignedBodyBytes: 1000 })
        answer = { padding: 'x'.repeat(1000) }
        const response = await post(storefront(), { signResponse: true })
        expect([response.status, responderOf(response)?.toString()]).toEqual([501, ORDERS])
        expect(await response.json()).toMatchObject({ code: 'ERR_SDK_RESPONSE_NOT_SIGNED' })
      })

      it('is an error when the service has nothing to sign with', async () => {
        const { trust, runtime } = programs.connect('/orders')
        await run({ workload: { trust, runtime } })
        const response = await fetchRaw(() => post(storefront({ fetch: keep }), { signResponse: true }))
        expect([response.status, await codeOf(response)]).toEqual([501, 'ERR_SDK_RESPONSE_NOT_SIGNED'])
      })

      it('is refused by the caller when somebody changed it, or took the signature off', async () => {
        await run()
        const through = (change: (response: Response) => Promise<Response>) =>
          post(storefront({ fetch: async (...call) => change(await fetch(...call)) }), { signResponse: true })
        await expectCode(
          through(async (response) => new Response(`${await response.text()} `, response)),
          'ERR_SIGNATURE_DIGEST_MISMATCH',
        )
        await expectCode(
          through(async ({ body, headers }) => new Response(body, { status: 201, headers })),
          'ERR_SIGNATURE_INVALID',
        )
        await expectCode(
          through(async ({ body }) => new Response(body)),
          'ERR_SIGNATURE_MISSING',
        )
      })
    })

    describe('a service that wants signed requests', () => {
      it('says so to whoever sends another proof', async () => {
        await run({ accept: ['http-signature'] })
        const response = await post(storefront(), { proof: 'wpt' })
        expect([response.status, await codeOf(response)]).toEqual([400, 'ERR_SIGNATURE_MISSING'])
        expect(response.headers.get('accept-signature')).toContain('tag="wimse-workload-to-workload"')
      })

      it('gets them from a program that does as it is asked', async () => {
        await run({ accept: ['http-signature'] })
        const client = storefront()
        expect((await post(client, { proof: 'accept-signature' })).status).toBe(200)
        expect((await post(client, { proof: 'accept-signature' })).status).toBe(200)
        expect(callers.map((caller) => caller?.binding)).toEqual(['http-signature', 'http-signature'])
        expect(decisions.map(({ allowed }) => allowed)).toEqual([false, true, true])
      })

      it('may want them of some callers only, which is known after they are verified', async () => {
        await run({ accept: (id) => (id.toString() === STOREFRONT ? ['http-signature'] : ['wpt']) })
        const response = await post(storefront(), { proof: 'wpt' })
        expect([response.status, await codeOf(response)]).toEqual([403, 'ERR_POLICY_PROOF_NOT_ACCEPTED'])
        expect(decisions[0]).toMatchObject({ caller: STOREFRONT, binding: 'wpt' })
        expect((await post(storefront())).status).toBe(200)
      })
    })

    it('a service that takes no signatures refuses signed requests', async () => {
      await run({ accept: ['wpt'] })
      const response = await post(storefront())
      expect([response.status, await codeOf(response)]).toEqual([400, 'ERR_PROOF_MISSING'])
    })

    describe('a bearer token', () => {
      const token = (path: string, audience = SERVICE) =>
        programs.domain.jwtSvid(path, [audience], programs.clock.now())
      const accept = acceptBearerFrom((id) => id.toString() === STOREFRONT)

      it('counts from a caller that may still use one', async () => {
        await run({ accept })
        const response = await bearer(token('/storefront'))
        expect(response.status).toBe(200)
        expect(callers[0]).toMatchObject({
          binding: 'bearer',
          audience: SERVICE,
          accessToken: token('/storefront') && expect.any(String),
        })
        expect(callers[0]?.id.toString()).toBe(STOREFRONT)
        expect(decisions[0]).toMatchObject({ allowed: true, binding: 'bearer' })
      })

      it('does not count from a caller that can do better, although it is genuine', async () => {
        await run({ accept, policy: () => true })
        const response = await bearer(token('/payments'))
        expect([response.status, JSON.parse(response.text).code]).toEqual([403, 'ERR_POLICY_PROOF_NOT_ACCEPTED'])
        expect(decisions[0]).toMatchObject({ caller: 'spiffe://shop.example/payments', binding: 'bearer' })
        expect(callers).toEqual([])
      })

      it.each<[string, () => string, string]>([
        ['for another service', () => token('/storefront', 'https://payments.example'), 'ERR_CREDENTIAL_AUDIENCE'],
        [
          'that is an identity token',
          () => programs.domain.workload('/storefront').wit(programs.clock.now()),
          'ERR_CREDENTIAL_TYPE',
        ],
        ['that is none', () => 'abc', 'ERR_CREDENTIAL_MALFORMED'],
      ])('%s is challenged', async (_name, make, code) => {
        await run({ accept })
        const response = await bearer(make())
        expect([response.status, JSON.parse(response.text).code]).toEqual([401, code])
        expect(response.fields['www-authenticate']).toBe('Bearer error="invalid_token"')
        expect(callers).toEqual([])
      })

      it('does not stand in for a proof that is missing', async () => {
        await run({ accept })
        if (application === undefined) throw new Error('no application runs')
        const wit = programs.domain.workload('/storefront').wit(programs.clock.now())
        const response = await application.send({
          target: TARGET,
          body: BODY,
          fields: [
            ['Authorization', `Bearer ${token('/storefront')}`],
            ['Workload-Identity-Token', wit],
          ],
        })
        expect([response.status, JSON.parse(response.text).code]).toEqual([400, 'ERR_PROOF_MISSING'])
      })

      it('under the scheme DPoP is for its holder alone', async () => {
        await run({ accept })
        if (application === undefined) throw new Error('no application runs')
        const fields = [['Authorization', `DPoP ${token('/storefront')}`]] as const
        const response = await application.send({ target: TARGET, body: BODY, fields })
        expect([response.status, JSON.parse(response.text).code]).toEqual([400, 'ERR_CREDENTIAL_MISSING'])
      })

      it('is judged by the policy like any other caller', async () => {
        await run({ accept, policy: (() => 'yes') as unknown as Policy })
        expect((await bearer(token('/storefront'))).status).toBe(403)
      })
    })
  })
}

function withField(init: RequestInit, name: string, value: string | undefined): RequestInit {
  const headers = new Headers(init.headers)
  if (value === undefined) headers.delete(name)
  else headers.set(name, value)
  return { ...init, headers }
}

let kept: Response | undefined

/** A `fetch` that keeps what came, for a look past the checks of the caller. */
const keep: typeof fetch = async (...call) => {
  const response = await fetch(...call)
  kept = response.clone() as Response
  return response
}

async function fetchRaw(call: () => Promise<Response>): Promise<Response> {
  await expectCode(call(), 'ERR_SIGNATURE_MISSING')
  return kept as Response
}

async function codeOf(response: Response): Promise<unknown> {
  return ((await response.json()) as { code?: unknown }).code
}
