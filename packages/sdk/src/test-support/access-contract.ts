/** What `verifyAccessToken` promises, whatever framework it stands in. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Decision } from '../audit/decision.ts'
import { currentAuthorization, currentCaller } from '../context/call-context.ts'
import type { CallAuthorization } from '../verification/call-authorization.ts'
import { PROBLEM_MEDIA_TYPE } from '../verification/problem.ts'
import type { VerifyAccessTokenOptions } from '../verification/resource-guard.ts'
import { AccessWorld, RESOURCE, TARGET } from './access-world.ts'
import type { RunningApplication } from './framework-contract.ts'
import type { WireRequest } from './wire.ts'

/** Builds an application with `verifyAccessToken(options)` in front of `POST /v1/orders`, which answers with the handler's JSON. */
export type StartResource = (
  options: VerifyAccessTokenOptions,
  handler: (authorization: CallAuthorization | undefined) => object,
) => Promise<RunningApplication>

const METADATA = '/.well-known/oauth-protected-resource'

export function describeVerifyAccessToken(framework: string, start: StartResource): void {
  describe(`verifyAccessToken in ${framework}`, () => {
    let world: AccessWorld
    let application: RunningApplication
    let decisions: Decision[]
    let errors: unknown[]
    let handled: number

    beforeEach(async () => {
      world = await AccessWorld.start()
      decisions = []
      errors = []
      handled = 0
    })

    afterEach(async () => {
      await application.close()
      await world.stop()
    })

    async function run(change: Partial<VerifyAccessTokenOptions> = {}): Promise<void> {
      const told = {
        onDecision: (decision: Decision) => decisions.push(decision),
        onError: (error: unknown) => errors.push(error),
      }
      application = await start(world.options({ ...told, ...change }), (authorization) => {
        handled++
        return {
          subject: authorization?.subject,
          sameInContext: authorization !== undefined && currentAuthorization() === authorization,
          caller: currentCaller() ?? null,
        }
      })
    }

    const send = (fields: WireRequest['fields'], target = TARGET) => application.send({ target, fields, body: '{}' })

    it('hands the handler what the token says', async () => {
      await run()
      const response = await send(world.fields(), `${TARGET}?page=1`)
      expect(JSON.parse(response.text)).toEqual({
        subject: 'spiffe://shop.example/storefront',
        sameInContext: true,
        caller: null,
      })
      expect(decisions).toEqual([
        {
          time: world.clock.now(),
          allowed: true,
          method: 'POST',
          path: TARGET,
          caller: undefined,
          binding: undefined,
          accessTokenId: 'token-0',
          subject: 'spiffe://shop.example/storefront',
          clientId: 'spiffe://shop.example/storefront',
          code: undefined,
          reason: undefined,
        },
      ])
    })

    it('answers a request without a token with a challenge that says where to get one', async () => {
      await run()
      const response = await send([])
      expect(response).toMatchObject({ status: 401, contentType: expect.stringContaining(PROBLEM_MEDIA_TYPE) })
      expect(response.fields).toMatchObject({
        'cache-control': 'no-store',
        'www-authenticate': expect.stringContaining(`resource_metadata="${RESOURCE}${METADATA}"`),
      })
      expect(JSON.parse(response.text)).toMatchObject({ status: 401, code: 'ERR_CREDENTIAL_MISSING' })
      expect({ handled, allowed: decisions.map(({ allowed }) => allowed) }).toEqual({ handled: 0, allowed: [false] })
    })

    it('says to anybody whose tokens it takes', async () => {
      await run({ name: 'Orders' })
      const response = await application.send({ method: 'GET', target: METADATA, fields: [] })
      expect(response).toMatchObject({ status: 200, contentType: expect.stringContaining('application/json') })
      expect(JSON.parse(response.text)).toMatchObject({
        resource: RESOURCE,
        authorization_servers: [world.service.issuer],
        scopes_supported: ['orders.read'],
        bearer_methods_supported: ['header'],
        resource_name: 'Orders',
      })
      expect(decisions).toEqual([])
      expect((await application.send({ method: 'POST', target: METADATA, fields: [] })).status).toBe(401)
      expect((await application.send({ method: 'GET', target: `${METADATA}/x`, fields: [] })).status).toBe(401)
    })

    it('serves no metadata where that is switched off', async () => {
      await run({ serveMetadata: false })
      const response = await application.send({ method: 'GET', target: METADATA, fields: [] })
      expect(response.status).toBe(401)
      expect(response.fields['www-authenticate']).not.toContain('resource_metadata')
    })

    it('asks the policy, of which only true is a yes', async () => {
      await run({
        scopes: [],
        policy: (authorization, { method }) => (authorization.hasScope('orders.read') && method) as never,
      })
      const response = await send(world.fields())
      expect(response.status).toBe(403)
      expect(response.fields['www-authenticate']).toBeUndefined()
      expect(decisions).toMatchObject([{ allowed: false, code: 'ERR_POLICY_DENIED', accessTokenId: 'token-0' }])
      expect(handled).toBe(0)
    })

    it.each<[string, Partial<VerifyAccessTokenOptions>]>([
      [
        'a policy',
        {
          policy: () => {
            throw new Error('secret')
          },
        },
      ],
      [
        'onDecision',
        {
          onDecision: () => {
            throw new Error('secret')
          },
        },
      ],
    ])('tells nobody what %s threw', async (_, change) => {
      await run(change)
      const response = await send(world.fields())
      expect(response).toMatchObject({ status: 500, text: expect.not.stringContaining('secret') })
      expect(errors).toHaveLength(1)
      expect(handled).toBe(0)
    })

    it('gives a nonce with each response, and takes it', async () => {
      await run({ dpopNonce: true })
      const refused = await send(world.fields())
      expect(refused.fields['www-authenticate']).toContain('error="use_dpop_nonce"')
      const token = world.boundToken()
      const nonce = String(refused.fields['dpop-nonce'])
      const response = await send(world.fields(token, world.proof(token, { nonce })))
      expect(response).toMatchObject({ status: 200, fields: { 'dpop-nonce': nonce } })
    })

    it('answers 503 while the keys of the issuer cannot be had', async () => {
      world.service.metadata = { jwks_uri: undefined }
      await run()
      expect((await send(world.fields())).status).toBe(503)
    })
  })
}
