import { createServer } from 'node:http'
import express, { type Express, Router } from 'express'
import { describe, expect, it } from 'vitest'
import { describeBindings } from '../test-support/binding-contract.ts'
import { describeVerifyCaller, type Handler, type StartApplication } from '../test-support/framework-contract.ts'
import { Programs } from '../test-support/programs.ts'
import { closeServer, listen, sendRaw } from '../test-support/wire.ts'
import type { VerifyCallerOptions } from '../verification/caller-verifier.ts'
import { verifyCaller } from './express.ts'

type Build = (options: VerifyCallerOptions, handler: Handler) => Express

const serve =
  (build: Build): StartApplication =>
  async (options, handler) => {
    const server = createServer(build(options, handler))
    const port = await listen(server)
    return { port, send: (request) => sendRaw(port, request), close: () => closeServer(server) }
  }

const whole = serve((options, handler) => {
  const app = express()
  app.use(verifyCaller(options))
  app.use(express.json())
  app.post('/v1/orders', async (request, response) => response.json(await handler(request.caller, request.body)))
  return app
})

const mounted = serve((options, handler) => {
  const orders = Router()
  orders.use(verifyCaller(options), express.json())
  orders.post('/orders', async (request, response) => response.json(await handler(request.caller, request.body)))
  const app = express()
  app.use('/v1', orders)
  return app
})

for (const [name, start] of [
  ['Express', whole],
  ['a mounted router of Express', mounted],
] as const) {
  describeVerifyCaller(name, start)
  describeBindings(name, start)
}

describe('verifyCaller in Express', () => {
  it('stands where it is put: routes before it are open, routes after it are not', async () => {
    const app = express()
    app.get('/health', (_request, response) => response.send('ok'))
    app.use(verifyCaller({ workload: new Programs().connect('/orders'), audience: 'orders', policy: () => true }))
    app.get('/orders', (_request, response) => response.send('secret'))
    const server = createServer(app)
    const port = await listen(server)
    expect((await sendRaw(port, { method: 'GET', target: '/health', fields: [] })).text).toBe('ok')
    const refused = await sendRaw(port, { method: 'GET', target: '/orders', fields: [] })
    expect(JSON.parse(refused.text).code).toBe('ERR_CREDENTIAL_MISSING')
    await closeServer(server)
  })
})
