import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { describeBindings } from '../test-support/binding-contract.ts'
import { describeVerifyCaller, type Handler, type StartApplication } from '../test-support/framework-contract.ts'
import { Programs } from '../test-support/programs.ts'
import { closeServer, listen, sendRaw } from '../test-support/wire.ts'
import type { Caller } from '../verification/caller.ts'
import type { VerifyCallerOptions } from '../verification/caller-verifier.ts'
import { verifyCaller } from './hono.ts'

type Env = { Variables: { caller: Caller } }

function withMountedRoute(options: VerifyCallerOptions, handler: Handler): Hono<Env> {
  const orders = new Hono<Env>()
  orders.post('/orders', async (context) =>
    context.json(await handler(context.get('caller'), await context.req.json())),
  )
  const app = new Hono<Env>()
  app.use(verifyCaller(options))
  app.route('/v1', orders)
  return app
}

const start: StartApplication = async (options, handler) => {
  const server = createServer(getRequestListener(withMountedRoute(options, handler).fetch))
  const port = await listen(server)
  return { port, send: (request) => sendRaw(port, request), close: () => closeServer(server) }
}

describeVerifyCaller('Hono on node:http', start)
describeBindings('Hono on node:http', start)

describeVerifyCaller('Hono without node:http', async (options, handler) => {
  const app = withMountedRoute(options, handler)
  return {
    async send({ method = 'POST', target = '/', fields, body }) {
      const headers = new Headers({ 'content-type': 'application/json' })
      for (const [name, value] of fields) headers.append(name, value)
      const response = await app.request(target, { method, headers, ...(body === undefined ? {} : { body }) })
      return {
        status: response.status,
        contentType: response.headers.get('content-type') ?? '',
        fields: Object.fromEntries(response.headers),
        text: await response.text(),
      }
    },
    close: async () => {},
  }
})

describe('verifyCaller in Hono', () => {
  const programs = new Programs()
  const options = { workload: programs.connect('/orders'), audience: 'https://orders.example', policy: () => true }

  it('looks at the target that came, not at what became of it in a Request', async () => {
    const app = new Hono<Env>()
    app.use(verifyCaller(options))
    app.get('/v1/orders', (context) => context.text('secret'))
    const server = createServer(getRequestListener(app.fetch))
    const port = await listen(server)
    const program = programs.domain.workload('/storefront')
    const now = programs.clock.now()
    const ask = (target: string) => {
      const wit = program.wit(now)
      const proof = program.proof(wit, { audience: 'https://orders.example/v1/orders', now })
      return sendRaw(port, {
        method: 'GET',
        target,
        fields: [
          ['workload-identity-token', wit],
          ['workload-proof-token', proof],
        ],
      })
    }
    expect((await ask('/v1/orders')).status).toBe(200)
    expect(JSON.parse((await ask('/v1/refunds/../orders')).text).code).toBe('ERR_PROOF_AUDIENCE')
    await closeServer(server)
  })

  it('guards the paths it is put on', async () => {
    const app = new Hono<Env>()
    app.use('/v1/*', verifyCaller(options))
    app.get('/v1/orders', (context) => context.text(context.get('caller').id.path))
    app.get('/health', (context) => context.text('ok'))
    expect((await app.request('/health')).status).toBe(200)
    expect((await app.request('/v1/orders')).status).toBe(400)
  })

  it('leaves the errors of handlers to the application', async () => {
    const app = new Hono<Env>()
    app.use(verifyCaller(options))
    app.get('/orders', () => {
      throw new Error('own')
    })
    app.onError((error, context) => context.text(error.message, 418))
    const program = programs.domain.workload('/storefront')
    const now = programs.clock.now()
    const wit = program.wit(now)
    const headers = {
      'workload-identity-token': wit,
      'workload-proof-token': program.proof(wit, { audience: 'https://orders.example/orders', now }),
    }
    const response = await app.request('/orders', { headers })
    expect([response.status, await response.text()]).toEqual([418, 'own'])
  })
})
