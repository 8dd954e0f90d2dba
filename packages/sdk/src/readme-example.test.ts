/** The README's examples, so that they compile, and do what it says. */
import { createServer } from 'node:http'
import { FakeClock } from '@countersign/testing'
import express from 'express'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  allowAnyOf,
  allowTrustDomain,
  allowWorkload,
  type Caller,
  connect,
  currentCaller,
  type Decision,
} from './index.ts'
import { verifyCaller } from './middleware/express.ts'
import { verifyCaller as verifyFastifyCaller } from './middleware/fastify.ts'
import { verifyCaller as verifyHonoCaller } from './middleware/hono.ts'
import { verifyCaller as verifyHttpCaller } from './middleware/http.ts'
import { bundlesOf, svidOf, witDomain } from './test-support/deliveries.ts'
import { closeServer, listen } from './test-support/wire.ts'
import { WorkloadApiServer } from './test-support/workload-api-server.ts'
import type { Workload } from './workload.ts'

const clock = new FakeClock()
const domain = witDomain()
let agents: WorkloadApiServer[]
let workloads: Workload[]

beforeEach(() => {
  agents = []
  workloads = []
})

afterEach(async () => {
  for (const workload of workloads) workload.close()
  for (const agent of agents) await agent.stop()
})

async function connectAs(path: string): Promise<Workload> {
  const agent = await WorkloadApiServer.start()
  agents.push(agent)
  agent.giveIdentities(svidOf(domain.workload(path), clock.now()))
  agent.giveBundles(bundlesOf(domain))
  const workload = await connect({ address: agent.address, runtime: { now: () => clock.now() } })
  workloads.push(workload)
  return workload
}

it('calls and is called', async () => {
  const decisions: Decision[] = []
  const workload = await connectAs('/orders')
  const app = express()
  app.use(
    verifyCaller({
      workload,
      audience: 'https://orders.example',
      policy: allowAnyOf(allowWorkload('spiffe://shop.example/storefront'), allowTrustDomain('bank.example')),
      onDecision: (decision) => decisions.push(decision),
    }),
  )
  app.post('/v1/orders', (request, response) => {
    response.send(`hello ${request.caller.id}, also known as ${currentCaller()?.id}`)
  })
  const server = createServer(app)
  const address = `http://127.0.0.1:${await listen(server)}/v1/orders`

  const storefront = await connectAs('/storefront')
  const response = await storefront.fetch(address, { method: 'POST', audience: 'https://orders.example/v1/orders' })
  const id = 'spiffe://shop.example/storefront'
  expect(await response.text()).toBe(`hello ${id}, also known as ${id}`)
  expect(decisions.map(({ allowed, caller }) => ({ allowed, caller }))).toEqual([{ allowed: true, caller: id }])

  const shopper = await connectAs('/shopper')
  const refused = await shopper.fetch(address, { method: 'POST', audience: 'https://orders.example/v1/orders' })
  expect([refused.status, await refused.json()]).toEqual([
    403,
    {
      type: 'urn:countersign:error:ERR_POLICY_DENIED',
      title: 'caller may not do this',
      status: 403,
      code: 'ERR_POLICY_DENIED',
    },
  ])
  await closeServer(server)
})

it('looks the same in every framework', async () => {
  const workload = await connectAs('/orders')
  const options = { workload, audience: 'https://orders.example', policy: allowTrustDomain('shop.example') }

  const listener = verifyHttpCaller(options, (request, response) => response.end(request.caller.id.path))
  const server = createServer(listener)
  const refusals = [(await fetch(`http://127.0.0.1:${await listen(server)}/`)).status]
  await closeServer(server)

  const fastify = Fastify()
  await fastify.register(verifyFastifyCaller(options))
  fastify.get('/', () => currentCaller()?.id.path)
  refusals.push((await fastify.inject('/')).statusCode)
  await fastify.close()

  const hono = new Hono<{ Variables: { caller: Caller } }>()
  hono.use(verifyHonoCaller(options))
  hono.get('/', (context) => context.text(context.get('caller').id.path))
  refusals.push((await hono.request('/')).status)

  expect(refusals).toEqual([400, 400, 400])
})
