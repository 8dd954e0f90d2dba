import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance, type InjectOptions } from 'fastify'
import { describe, expect, it } from 'vitest'
import { describeBindings } from '../test-support/binding-contract.ts'
import { describeVerifyCaller, type Handler, type StartApplication } from '../test-support/framework-contract.ts'
import { Programs } from '../test-support/programs.ts'
import { sendRaw, type WireRequest, type WireResponse } from '../test-support/wire.ts'
import type { Caller } from '../verification/caller.ts'
import type { VerifyCallerOptions } from '../verification/caller-verifier.ts'
import { verifyCaller } from './fastify.ts'

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller
  }
}

function withNestedRoute(options: VerifyCallerOptions, handler: Handler): FastifyInstance {
  const app = Fastify()
  app.register(verifyCaller(options))
  app.register(
    async (v1) => {
      v1.register(async (orders) => {
        orders.post('/orders', (request) => handler(request.caller, request.body))
      })
    },
    { prefix: '/v1' },
  )
  return app
}

async function inject(app: FastifyInstance, { method, target, fields, body }: WireRequest): Promise<WireResponse> {
  const headers: Record<string, string[]> = {}
  for (const [name, value] of fields) headers[name.toLowerCase()] = [...(headers[name.toLowerCase()] ?? []), value]
  const response = await app.inject({
    method: (method ?? 'POST') as NonNullable<InjectOptions['method']>,
    url: target ?? '/',
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { payload: body }),
  })
  return {
    status: response.statusCode,
    contentType: `${response.headers['content-type']}`,
    fields: response.headers,
    text: response.body,
  }
}

const start: StartApplication = async (options, handler) => {
  const app = withNestedRoute(options, handler)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return { port, send: (request) => sendRaw(port, request), close: () => app.close() }
}

describeVerifyCaller('Fastify', start)
describeBindings('Fastify', start)

describeVerifyCaller('Fastify without a socket', async (options, handler) => {
  const app = withNestedRoute(options, handler)
  return { send: (request) => inject(app, request), close: () => app.close() }
})

describe('verifyCaller in Fastify', () => {
  const programs = new Programs()
  const options = { workload: programs.connect('/orders'), audience: 'orders', policy: () => true }
  const statusOf = async (app: FastifyInstance, url: string) => (await app.inject({ url })).statusCode

  it('guards routes that stand beside it, also those declared before it', async () => {
    const app = Fastify()
    app.get('/before', () => 'secret')
    app.register(verifyCaller(options))
    app.get('/after', () => 'secret')
    expect([await statusOf(app, '/before'), await statusOf(app, '/after')]).toEqual([400, 400])
    await app.close()
  })

  it('guards nothing outside of the plugin it is registered in', async () => {
    const app = Fastify()
    app.register(async (inner) => {
      inner.register(verifyCaller(options))
      inner.get('/inner', () => 'secret')
    })
    app.register(async (sibling) => {
      sibling.get('/sibling', () => 'open')
    })
    app.get('/outer', () => 'open')
    expect(await Promise.all(['/inner', '/sibling', '/outer'].map((url) => statusOf(app, url)))).toEqual([
      400, 200, 200,
    ])
    await app.close()
  })

  it('may be registered again in a nested plugin, with a stricter policy', async () => {
    const app = Fastify()
    app.register(verifyCaller(options))
    app.get('/any', ({ caller }) => caller.id.path)
    app.register(async (inner) => {
      inner.register(verifyCaller({ ...options, policy: ({ id }) => id.path === '/admin' }))
      inner.get('/admin', ({ caller }) => caller.id.path)
    })
    const ask = async (path: string, url: string) => {
      const program = programs.domain.workload(path)
      const now = programs.clock.now()
      const wit = program.wit(now)
      const headers = {
        'workload-identity-token': wit,
        'workload-proof-token': program.proof(wit, { audience: 'orders', now }),
      }
      return (await app.inject({ url, headers })).statusCode
    }
    expect(await ask('/storefront', '/any')).toBe(200)
    expect(await ask('/storefront', '/admin')).toBe(403)
    expect(await ask('/admin', '/admin')).toBe(200)
    await app.close()
  })

  it('answers for routes that do not exist before it says that they do not', async () => {
    const app = Fastify()
    app.register(verifyCaller(options))
    expect(await statusOf(app, '/nowhere')).toBe(400)
    await app.close()
  })
})
