import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { getRequestListener } from '@hono/node-server'
import express, { Router } from 'express'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { describeVerifyAccessToken, type StartResource } from '../test-support/access-contract.ts'
import { AccessWorld, TARGET } from '../test-support/access-world.ts'
import { eventually } from '../test-support/host.ts'
import { TlsWorld } from '../test-support/tls-world.ts'
import { closeServer, listen, sendRaw } from '../test-support/wire.ts'
import type { CallAuthorization } from '../verification/call-authorization.ts'
import * as withExpress from './express.ts'
import * as withFastify from './fastify.ts'
import * as withHono from './hono.ts'
import * as withHttp from './http.ts'

declare module 'fastify' {
  interface FastifyRequest {
    authorization: CallAuthorization
  }
}

const serve = async (listener: Parameters<typeof createServer>[1] & {}) => {
  const server = createServer(listener)
  const port = await listen(server)
  return { send: (request: Parameters<typeof sendRaw>[1]) => sendRaw(port, request), close: () => closeServer(server) }
}

const inHttp: StartResource = (options, handler) =>
  serve(
    withHttp.verifyAccessToken(options, ({ authorization }, response) => {
      response.end(JSON.stringify(handler(authorization)))
    }),
  )

const inExpress: StartResource = (options, handler) => {
  const orders = Router()
  orders.post('/orders', (request, response) => void response.json(handler(request.authorization)))
  const app = express()
  app.use(withExpress.verifyAccessToken(options))
  app.use('/v1', orders)
  return serve(app)
}

const inFastify: StartResource = async (options, handler) => {
  const app = Fastify()
  app.register(withFastify.verifyAccessToken(options))
  app.register(async (v1) => v1.post('/orders', async (request) => handler(request.authorization)), { prefix: '/v1' })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return { send: (request) => sendRaw(port, request), close: () => app.close() }
}

function honoApp(
  ...[options, handler]: Parameters<StartResource>
): Hono<{ Variables: { authorization: CallAuthorization } }> {
  const app = new Hono<{ Variables: { authorization: CallAuthorization } }>()
  app.use(withHono.verifyAccessToken(options))
  app.post('/v1/orders', (context) => context.json(handler(context.get('authorization'))))
  return app
}

const inHono: StartResource = (options, handler) => serve(getRequestListener(honoApp(options, handler).fetch))

const inHonoAlone: StartResource = async (options, handler) => {
  const app = honoApp(options, handler)
  return {
    async send({ method = 'POST', target = '/', fields, body }) {
      const headers = new Headers(fields.map(([name, value]) => [name, value]))
      const response = await app.request(target, {
        method,
        headers,
        ...(body === undefined || method === 'GET' ? {} : { body }),
      })
      const contentType = response.headers.get('content-type') ?? ''
      return {
        status: response.status,
        contentType,
        fields: Object.fromEntries(response.headers),
        text: await response.text(),
      }
    },
    close: async () => {},
  }
}

describeVerifyAccessToken('node:http', inHttp)
describeVerifyAccessToken('Express', inExpress)
describeVerifyAccessToken('Fastify', inFastify)
describeVerifyAccessToken('Hono on node:http', inHono)
describeVerifyAccessToken('Hono without node:http', inHonoAlone)

describe('verifyAccessToken', () => {
  it('takes a token that is bound to a certificate on a connection with that alone', async () => {
    await using tls = new TlsWorld()
    const world = await AccessWorld.start()
    tls.onEnd(() => world.stop())
    const svid = tls.shop.svid('/storefront')
    const [client, thief] = [tls.party(svid), tls.party(tls.shop.svid('/thief'))]
    const orders = tls.party(tls.shop.svid('/orders', { dnsNames: ['localhost'] }))
    const listener = withHttp.verifyAccessToken(world.options(), ({ authorization }, response) => {
      response.end(authorization.binding)
    })
    const { addressUrl } = await tls.listen(orders.tls.createHttpsServer({}, listener))
    const thumbprint = Buffer.from(nodeCrypto.sha256(svid.x509Svid)).toString('base64url')
    const token = world.bearerToken({ confirmation: { kind: 'x5t#S256', thumbprint } })
    const init = { headers: { authorization: `Bearer ${token}` }, peer: tls.shop.id('/orders') }
    expect(await (await client.tls.fetch(addressUrl, init)).text()).toBe('mtls')
    const stolen = await thief.tls.fetch(addressUrl, init)
    expect(stolen.status).toBe(401)
    expect(stolen.headers.get('www-authenticate')).toContain('Bearer error="invalid_token"')
  })

  it('runs no handler, and adds no nonce, once something else has answered', async () => {
    const world = await AccessWorld.start()
    const results: unknown[] = []
    let handled = 0
    const listener = withHttp.verifyAccessToken(world.options({ dpopNonce: true }), () => handled++)
    const application = await serve(async (request, response) => {
      if (request.headers['x-timeout'] !== undefined) response.writeHead(503).end('late')
      results.push(await Promise.resolve(listener(request, response)).catch((error: unknown) => error))
    })
    try {
      const refused = await application.send({ target: TARGET, fields: world.fields(), body: '{}' })
      const nonce = String(refused.fields['dpop-nonce'])
      const token = world.boundToken()
      const fields = [...world.fields(token, world.proof(token, { nonce })), ['x-timeout', '1']] as const
      const late = await application.send({ target: TARGET, fields, body: '{}' })
      expect(late).toMatchObject({ status: 503, text: 'late' })
      await eventually(() => expect(results).toEqual([undefined, undefined]))
      expect(handled).toBe(0)
    } finally {
      await application.close()
      await world.stop()
    }
  })

  it('adds a nonce to a response of Hono whose fields cannot be changed', async () => {
    const world = await AccessWorld.start()
    try {
      const app = new Hono()
      app.use(withHono.verifyAccessToken(world.options({ dpopNonce: true })))
      app.post(TARGET, () => fetch('data:text/plain,order'))
      const ask = (headers: [string, string][]) => app.request(TARGET, { method: 'POST', headers })
      const pairsOf = (...args: Parameters<AccessWorld['fields']>) =>
        world.fields(...args).map(([name, value]): [string, string] => [name, value])
      const nonce = (await ask(pairsOf())).headers.get('dpop-nonce') as string
      const token = world.boundToken()
      const response = await ask(pairsOf(token, world.proof(token, { nonce })))
      expect([response.status, await response.text()]).toEqual([200, 'order'])
      expect(Object.fromEntries(response.headers)).toEqual({ 'content-type': 'text/plain', 'dpop-nonce': nonce })
    } finally {
      await world.stop()
    }
  })

  it('is not set up so that every token may do everything', () => {
    const options = { issuer: 'https://id.example', audience: 'https://orders.example' }
    expect(() => withExpress.verifyAccessToken(options)).toThrow(TypeError)
    withExpress.verifyAccessToken({ ...options, policy: () => true })
  })
})
