/** What `verifyCaller` promises, whatever framework it stands in. */
import { setImmediate as turn } from 'node:timers/promises'
import { InProcessReplayMemory, PolicyError } from '@countersign/protocol'
import { type FakeWorkload, mutateToken } from '@countersign/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Decision } from '../audit/decision.ts'
import type { Policy } from '../authorization/policy.ts'
import { currentCaller } from '../context/call-context.ts'
import type { Caller } from '../verification/caller.ts'
import type { VerifyCallerOptions } from '../verification/caller-verifier.ts'
import { PROBLEM_MEDIA_TYPE } from '../verification/problem.ts'
import { Programs } from './programs.ts'
import type { WireRequest, WireResponse } from './wire.ts'

/** What each application's handler of `POST /v1/orders` answers, as JSON. */
export type Handler = (caller: Caller | undefined, body: unknown) => Promise<object>

export interface RunningApplication {
  /** Where it listens; not there for one without a socket. */
  readonly port?: number
  send(request: WireRequest): Promise<WireResponse>
  close(): Promise<void>
}

/** Builds an application with `verifyCaller(options)` in front of `POST /v1/orders`, which calls the handler. */
export type StartApplication = (options: VerifyCallerOptions, handler: Handler) => Promise<RunningApplication>

interface Tokens {
  wit: string
  wpt: string
}

const SERVICE = 'https://orders.example'
const TARGET = '/v1/orders'
const AUDIENCE = SERVICE + TARGET
const BODY = '{"item":"lamp"}'
const CALLER = 'spiffe://shop.example/storefront'
const OTHER_FIELD = 'x-device-token'

export function describeVerifyCaller(framework: string, start: StartApplication): void {
  describe(`verifyCaller in ${framework}`, () => {
    let programs: Programs
    let storefront: FakeWorkload
    let application: RunningApplication | undefined
    let decisions: Decision[]
    let errors: unknown[]
    let handled: number

    beforeEach(() => {
      programs = new Programs()
      storefront = programs.domain.workload('/storefront')
      decisions = []
      errors = []
      handled = 0
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
          policy: (caller) => caller.id.toString() === CALLER,
          otherTokenFields: [OTHER_FIELD],
          onDecision: (decision) => decisions.push(decision),
          onError: (error) => errors.push(error),
          ...options,
        },
        async (caller, body) => {
          handled += 1
          return { ...(await describeCaller(caller)), body }
        },
      )
    }

    function tokens(content: Partial<Parameters<FakeWorkload['proof']>[1]> = {}): Tokens {
      const now = programs.clock.now()
      const wit = storefront.wit(now)
      return { wit, wpt: storefront.proof(wit, { audience: AUDIENCE, now, ...content }) }
    }

    function send({ wit, wpt }: Tokens, request: Partial<WireRequest> = {}): Promise<WireResponse> {
      return sendFields(
        [
          ['Workload-Identity-Token', wit],
          ['Workload-Proof-Token', wpt],
        ],
        request,
      )
    }

    function sendFields(own: WireRequest['fields'], { fields = [], ...rest }: Partial<WireRequest> = {}) {
      if (application === undefined) throw new Error('no application runs')
      return application.send({ target: TARGET, body: BODY, ...rest, fields: [...own, ...fields] })
    }

    function expectRefusal(response: WireResponse, status: number, code: string): void {
      expect({ status: response.status, code: problemOf(response).code, handled }).toEqual({ status, code, handled: 0 })
      expect(response.contentType).toMatch(/^application\/problem\+json/)
      expect(response.fields['cache-control']).toBe('no-store')
      expect(response.fields['www-authenticate']).toBe(undefined)
      expect(decisions.map(({ allowed, code }) => ({ allowed, code }))).toEqual([{ allowed: false, code }])
    }

    function problemOf(response: WireResponse): Record<string, unknown> {
      const problem = JSON.parse(response.text)
      expect(Object.keys(problem).sort()).toEqual(['code', 'status', 'title', 'type'])
      expect(problem.status).toBe(response.status)
      return problem
    }

    describe('lets through', () => {
      it('a caller that is proved and allowed, with its body untouched', async () => {
        await run()
        const response = await send(tokens())
        expect(response.status).toBe(200)
        expect(JSON.parse(response.text)).toEqual({
          id: CALLER,
          binding: 'wpt',
          audience: AUDIENCE,
          current: CALLER,
          nested: CALLER,
          timer: CALLER,
          body: { item: 'lamp' },
        })
        expect(decisions).toEqual([
          {
            time: programs.clock.now(),
            allowed: true,
            method: 'POST',
            path: TARGET,
            caller: CALLER,
            binding: 'wpt',
            code: undefined,
            reason: undefined,
          },
        ])
        expect(currentCaller()).toBe(undefined)
      })

      it('any query, which no proof covers and no record keeps', async () => {
        await run()
        const response = await send(tokens(), { target: `${TARGET}?secret=1` })
        expect(response.status).toBe(200)
        expect(decisions.map(({ path }) => path)).toEqual([TARGET])
      })

      it('whatever the Host field says, since the audience is configured', async () => {
        await run()
        expect((await send(tokens(), { fields: [['Host', 'evil.example']] })).status).toBe(200)
      })

      it('tokens that the proof covers', async () => {
        await run()
        const bound = { accessToken: 'at-1', txnToken: 'tt-1', otherTokens: { [OTHER_FIELD]: 'dt-1' } }
        const response = await send(tokens(bound), {
          fields: [
            ['Authorization', 'Bearer at-1'],
            ['Txn-Token', 'tt-1'],
            [OTHER_FIELD, 'dt-1'],
          ],
        })
        expect(JSON.parse(response.text)).toMatchObject({ accessToken: 'at-1', txnToken: 'tt-1' })
      })

      it('a caller whose body comes long after its fields, and is known all the same', async () => {
        const decided = Promise.withResolvers<void>()
        await run({ onDecision: () => decided.resolve() })
        // The request is in the hands of the framework by then, waiting for socket events.
        const response = await send(tokens(), { bodyAfter: decided.promise.then(() => turn()).then(() => turn()) })
        expect(JSON.parse(response.text)).toMatchObject({ current: CALLER, nested: CALLER, timer: CALLER })
      })

      it('many at once without mixing them up', async () => {
        await run({ policy: () => true })
        const now = programs.clock.now()
        const paths = Array.from({ length: 50 }, (_, index) => `/caller/${index}`)
        const responses = await Promise.all(
          paths.map((path) => {
            const caller = programs.domain.workload(path)
            const wit = caller.wit(now)
            return send({ wit, wpt: caller.proof(wit, { audience: AUDIENCE, now }) })
          }),
        )
        const seen = responses.map(({ text }) => JSON.parse(text))
        const ids = paths.map((path) => `spiffe://shop.example${path}`)
        for (const place of ['id', 'current', 'nested', 'timer']) {
          expect(seen.map((answer) => answer[place])).toEqual(ids)
        }
      })
    })

    describe('answers 400 to', () => {
      it.each<[string, string, (good: Tokens) => WireRequest['fields']]>([
        ['nothing', 'ERR_CREDENTIAL_MISSING', () => []],
        ['a bearer token alone', 'ERR_CREDENTIAL_MISSING', () => [['Authorization', 'Bearer abc']]],
        ['a proof alone', 'ERR_CREDENTIAL_MISSING', ({ wpt }) => [['Workload-Proof-Token', wpt]]],
        ['an identity token alone', 'ERR_PROOF_MISSING', ({ wit }) => [['Workload-Identity-Token', wit]]],
        [
          'two identity tokens',
          'ERR_CREDENTIAL_MULTIPLE',
          ({ wit, wpt }) => [
            ['Workload-Identity-Token', wit],
            ['Workload-Identity-Token', wit],
            ['Workload-Proof-Token', wpt],
          ],
        ],
        [
          'two identity tokens in one field',
          'ERR_CREDENTIAL_MULTIPLE',
          ({ wit, wpt }) => [
            ['Workload-Identity-Token', `${wit}, ${wit}`],
            ['Workload-Proof-Token', wpt],
          ],
        ],
        [
          'two proofs',
          'ERR_PROOF_MULTIPLE',
          ({ wit, wpt }) => [
            ['Workload-Identity-Token', wit],
            ['Workload-Proof-Token', wpt],
            ['Workload-Proof-Token', wpt],
          ],
        ],
        [
          'two access tokens',
          'ERR_REQUEST_AUTHORIZATION',
          ({ wit, wpt }) => [
            ['Workload-Identity-Token', wit],
            ['Workload-Proof-Token', wpt],
            ['Authorization', 'Bearer a'],
            ['Authorization', 'Bearer b'],
          ],
        ],
        [
          'two transaction tokens',
          'ERR_REQUEST_TXN_TOKEN',
          ({ wit, wpt }) => [
            ['Workload-Identity-Token', wit],
            ['Workload-Proof-Token', wpt],
            ['Txn-Token', 'a'],
            ['Txn-Token', 'b'],
          ],
        ],
      ])('%s: %s', async (_name, code, fields) => {
        await run()
        expectRefusal(await sendFields(fields(tokens())), 400, code)
      })

      it.each<[string, string, (good: Tokens) => Tokens]>([
        [
          'an identity token with another subject',
          'ERR_CREDENTIAL_SIGNATURE',
          ({ wit, wpt }) => ({ wit: mutateToken(wit, { claims: { sub: 'spiffe://shop.example/admin' } }), wpt }),
        ],
        [
          'an identity token of an unknown domain',
          'ERR_CREDENTIAL_TRUST_DOMAIN_UNKNOWN',
          ({ wit, wpt }) => ({ wit: mutateToken(wit, { claims: { sub: 'spiffe://evil.example/x' } }), wpt }),
        ],
        ['an identity token that is none', 'ERR_CREDENTIAL_MALFORMED', ({ wpt }) => ({ wit: 'a.b.c', wpt })],
        [
          'a proof with another audience put in',
          'ERR_PROOF_SIGNATURE',
          ({ wit, wpt }) => ({ wit, wpt: mutateToken(wpt, { claims: { aud: SERVICE } }) }),
        ],
        ['a proof that is none', 'ERR_PROOF_MALFORMED', ({ wit }) => ({ wit, wpt: 'a.b.c' })],
        ['an identity token as proof', 'ERR_PROOF_TYPE', ({ wit }) => ({ wit, wpt: wit })],
        ['a proof as identity token', 'ERR_CREDENTIAL_TYPE', ({ wpt }) => ({ wit: wpt, wpt })],
      ])('%s: %s', async (_name, code, change) => {
        await run()
        expectRefusal(await send(change(tokens())), 400, code)
      })

      it('a proof by another key', async () => {
        await run()
        const { wit } = tokens()
        const wpt = programs.domain.workload('/thief').proof(wit, { audience: AUDIENCE, now: programs.clock.now() })
        expectRefusal(await send({ wit, wpt }), 400, 'ERR_PROOF_SIGNATURE')
      })

      it('a proof for an older identity token of the same program', async () => {
        await run()
        const { wpt } = tokens()
        const wit = storefront.wit(programs.clock.now() - 60)
        expectRefusal(await send({ wit, wpt }), 400, 'ERR_PROOF_CREDENTIAL_MISMATCH')
      })

      it.each([
        ['another service', 'https://payments.example/v1/orders', {}],
        ['another path', `${SERVICE}/v1/refunds`, {}],
        ['the Host it names itself', 'https://evil.example/v1/orders', { fields: [['Host', 'evil.example']] as const }],
        [
          'the forwarded host it names itself',
          'https://evil.example/v1/orders',
          { fields: [['X-Forwarded-Host', 'evil.example']] as const },
        ],
        ['the base URL alone', SERVICE, {}],
      ])('a proof made for %s', async (_name, audience, request) => {
        await run()
        expectRefusal(await send(tokens({ audience }), request), 400, 'ERR_PROOF_AUDIENCE')
      })

      it('an expired identity token', async () => {
        await run()
        const { wit } = tokens()
        programs.clock.jump(3600 + 30)
        const wpt = storefront.proof(wit, { audience: AUDIENCE, now: programs.clock.now() })
        expectRefusal(await send({ wit, wpt }), 400, 'ERR_CREDENTIAL_EXPIRED')
      })

      it('an expired proof', async () => {
        await run()
        const good = tokens()
        programs.clock.jump(60 + 30)
        expectRefusal(await send(good), 400, 'ERR_PROOF_EXPIRED')
      })

      it('a proof that lives too long', async () => {
        await run()
        expectRefusal(await send(tokens({ ttlSeconds: 331 })), 400, 'ERR_PROOF_LIFETIME')
      })

      it('a proof that was used before', async () => {
        await run()
        const good = tokens()
        expect((await send(good)).status).toBe(200)
        handled = 0
        decisions = []
        expectRefusal(await send(good), 400, 'ERR_PROOF_REPLAYED')
      })

      describe.each([
        ['Authorization', 'Bearer ', 'ERR_PROOF_ACCESS_TOKEN', (accessToken: string) => ({ accessToken })],
        ['Txn-Token', '', 'ERR_PROOF_TXN_TOKEN', (txnToken: string) => ({ txnToken })],
        [OTHER_FIELD, '', 'ERR_PROOF_OTHER_TOKEN', (token: string) => ({ otherTokens: { [OTHER_FIELD]: token } })],
      ])('a middlebox that touches %s:', (name, scheme, code, bind) => {
        it('adds it', async () => {
          await run()
          expectRefusal(await send(tokens(), { fields: [[name, `${scheme}stolen`]] }), 400, code)
        })
        it('removes it', async () => {
          await run()
          expectRefusal(await send(tokens(bind('mine'))), 400, code)
        })
        it('swaps it', async () => {
          await run()
          expectRefusal(await send(tokens(bind('mine')), { fields: [[name, `${scheme}stolen`]] }), 400, code)
        })
      })

      it('a proof that covers a field unknown here', async () => {
        await run()
        const good = tokens({ otherTokens: { 'x-unknown': 'a' } })
        expectRefusal(await send(good, { fields: [['x-unknown', 'a']] }), 400, 'ERR_PROOF_OTHER_TOKEN')
      })
    })

    describe('answers 403 to', () => {
      it.each<[string, unknown]>([
        ['false', false],
        ['undefined', undefined],
        ['1', 1],
        ['a string', 'yes'],
        ['an object', {}],
        ['a promise of false', Promise.resolve(false)],
        ['a promise of a truthy value', Promise.resolve('yes')],
      ])('a caller for whom the policy says %s', async (_name, answer) => {
        await run({ policy: (() => answer) as unknown as Policy })
        const response = await send(tokens())
        expectRefusal(response, 403, 'ERR_POLICY_DENIED')
        expect(response.text).not.toContain(CALLER)
        expect(decisions[0]?.caller).toBe(CALLER)
      })

      it('a caller whom the policy refuses by an error of its kind', async () => {
        await run({
          policy: () => {
            throw new PolicyError('ERR_POLICY_TRUST_DOMAIN_NOT_ALLOWED', 'not from there')
          },
        })
        expectRefusal(await send(tokens()), 403, 'ERR_POLICY_TRUST_DOMAIN_NOT_ALLOWED')
      })
    })

    describe('answers 500 to', () => {
      const secret = 'database password hunter2'
      const status401 = Object.assign(new Error(secret), { status: 401, statusCode: 401, expose: true })

      it.each<[string, Policy]>([
        [
          'throws',
          () => {
            throw new Error(secret)
          },
        ],
        ['rejects', () => Promise.reject(new Error(secret))],
        [
          'throws an error that asks for another status',
          () => {
            throw status401
          },
        ],
        [
          'throws nothing at all',
          () => {
            throw undefined
          },
        ],
        [
          'throws something with a response in it',
          () => {
            throw { getResponse: () => new Response(secret) }
          },
        ],
      ])('a policy that %s, and says nothing about it', async (_name, policy) => {
        await run({ policy })
        const response = await send(tokens())
        expectRefusal(response, 500, 'ERR_INTERNAL')
        expect(JSON.stringify(response)).not.toContain('hunter2')
        expect(JSON.stringify(decisions)).not.toContain('hunter2')
        expect(decisions[0]?.caller).toBe(CALLER)
        expect(errors.length).toBe(1)
      })

      it('a replay memory that is out of order', async () => {
        const replayMemory = { remember: () => Promise.reject(new Error(secret)) }
        await run({ replayMemory })
        expectRefusal(await send(tokens()), 500, 'ERR_INTERNAL')
      })

      it('a decision that could not be recorded', async () => {
        const lost = new Error(secret)
        let told = 0
        await run({
          onDecision: () => {
            told += 1
            throw lost
          },
        })
        const response = await send(tokens())
        expect({ status: response.status, told, handled }).toEqual({ status: 500, told: 1, handled: 0 })
        expect(response.text).not.toContain('hunter2')
        expect(errors).toEqual([lost])
      })
    })

    it('answers 503 when no more proofs can be remembered', async () => {
      await run({ replayMemory: new InProcessReplayMemory({ capacity: 1 }) })
      expect((await send(tokens())).status).toBe(200)
      handled = 0
      decisions = []
      expectRefusal(await send(tokens()), 503, 'ERR_PROOF_REPLAY_MEMORY_FULL')
    })

    it('keeps tokens out of every record', async () => {
      await run()
      const bound = { accessToken: 'access-token-text', txnToken: 'txn-token-text' }
      const good = tokens(bound)
      const fields: [string, string][] = [
        ['Authorization', `Bearer ${bound.accessToken}`],
        ['Txn-Token', bound.txnToken],
      ]
      await send(good, { fields, target: `${TARGET}?access_token=${bound.accessToken}` })
      await send(good, { fields })
      await send(good)
      await send({ ...good, wpt: `${good.wpt}x` }, { fields })
      await send({ wit: mutateToken(good.wit, { claims: { sub: 'spiffe://evil.example/x' } }), wpt: good.wpt })
      await send({ wit: good.wpt, wpt: good.wit }, { fields })
      await send({ wit: `x${good.wit}`, wpt: good.wpt })
      expect(decisions.map(({ allowed }) => allowed)).toEqual([true, false, false, false, false, false, false])
      const secrets = [...good.wit.split('.'), ...good.wpt.split('.'), bound.accessToken, bound.txnToken]
      const record = JSON.stringify(decisions)
      for (const secret of secrets) expect(sharesText(record, secret)).toBe(false)
    })

    it('names a failed check in the record, with its reason', async () => {
      await run()
      await send(tokens({ audience: 'https://payments.example/' }))
      expect(decisions[0]?.reason).toBe('proof was made for another audience: aud https://payments.example/')
      expect(PROBLEM_MEDIA_TYPE).toBe('application/problem+json')
    })
  })
}

/** Who the caller is, in the handler and in code that knows nothing of the request. */
async function describeCaller(caller: Caller | undefined): Promise<object> {
  const current = currentCaller()?.id.toString()
  const nested = async () => {
    await turn()
    return currentCaller()?.id.toString()
  }
  const timer = new Promise((resolve) => setTimeout(() => resolve(currentCaller()?.id.toString()), 0))
  return {
    id: caller?.id.toString(),
    binding: caller?.binding,
    audience: caller?.audience,
    accessToken: caller?.accessToken,
    txnToken: caller?.txnToken,
    current,
    nested: await nested(),
    timer: await timer,
  }
}

/** Whether any 16 characters of a secret stand in a text. Shorter ones could be chance. */
function sharesText(text: string, secret: string): boolean {
  const length = Math.min(16, secret.length)
  for (let start = 0; start + length <= secret.length; start++) {
    if (text.includes(secret.slice(start, start + length))) return true
  }
  return false
}
