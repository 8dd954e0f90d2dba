import { createServer } from 'node:http'
import express, { type Express, Router } from 'express'
import { describe, expect, it } from 'vitest'
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
    return { send: (request) => sendRaw(port, request), close: () => closeServer(server) }
  }

describeVerifyCaller(
  'Express',
  serve((options, handler) => {
    const app = express()
    app.use(verifyCaller(options))
    app.use(express.json())
    app.post('/v1/orders', async (request, response) => response.json(await handler(request.caller, request.body)))
    return app
  }),
)

describeVerifyCaller(
  'a mounted router of Express',
  serve((options, handler) => {
    const orders = Router()
    orders.use(verifyCaller(options), express.json())
    orders.post('/orders', async (request, response) => response.json(await handler(request.caller, request.body)))
    const app = express()
    app.use('/v1', orders)
    return app
  }),
)

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
