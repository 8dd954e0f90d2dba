import { createServer } from 'node:http'
import { expect, it } from 'vitest'
import { allowTrustDomain } from '../authorization/policy.ts'
import { currentCaller } from '../context/call-context.ts'
import { describeBindings } from '../test-support/binding-contract.ts'
import { describeVerifyCaller, type StartApplication } from '../test-support/framework-contract.ts'
import { Programs } from '../test-support/programs.ts'
import { closeServer, listen, sendRaw } from '../test-support/wire.ts'
import { verifyCaller } from './http.ts'

const start: StartApplication = async (options, handler) => {
  const server = createServer(
    verifyCaller(options, async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(await handler(request.caller, JSON.parse(Buffer.concat(chunks).toString()))))
    }),
  )
  const port = await listen(server)
  return { port, send: (request) => sendRaw(port, request), close: () => closeServer(server) }
}

describeVerifyCaller('node:http', start)
describeBindings('node:http', start)

it('reads the body of a refused request to its end, so that the connection stays usable', async () => {
  const programs = new Programs()
  const server = createServer(
    verifyCaller({ workload: programs.connect('/orders'), audience: 'a', policy: () => true }, () => {}),
  )
  const port = await listen(server)
  const response = await sendRaw(port, { fields: [], body: 'x'.repeat(1_000_000) })
  expect(response.status).toBe(400)
  await closeServer(server)
})

it('lets a response alone that something else has sent while the policy was thinking', async () => {
  const programs = new Programs()
  const storefront = programs.domain.workload('/storefront')
  const wit = storefront.wit(programs.clock.now())
  const wpt = storefront.proof(wit, { audience: 'orders', now: programs.clock.now() })
  const policy = Promise.withResolvers<boolean>()
  const listener = verifyCaller(
    { workload: programs.connect('/orders'), audience: 'orders', policy: () => policy.promise },
    () => {},
  )
  let finished: unknown
  const server = createServer((request, response) => {
    finished = listener(request, response)
    response.writeHead(504).end()
  })
  const port = await listen(server)
  const response = await sendRaw(port, {
    fields: [
      ['workload-identity-token', wit],
      ['workload-proof-token', wpt],
    ],
  })
  expect(response.status).toBe(504)
  policy.resolve(false)
  await finished
  await closeServer(server)
})

it('knows no caller outside of a request', async () => {
  expect(currentCaller()).toBe(undefined)
})

it('refuses to be set up without policy or audience', () => {
  const workload = new Programs().connect('/orders')
  const policy = allowTrustDomain('shop.example')
  expect(() => verifyCaller({ workload, audience: 'a' } as never, () => {})).toThrow(TypeError)
  expect(() => verifyCaller({ workload, policy } as never, () => {})).toThrow(TypeError)
  expect(() => verifyCaller({ workload, policy, audience: [] }, () => {})).toThrow(TypeError)
  expect(() => verifyCaller({ workload, policy, audience: 'https://orders.example/?a' }, () => {})).toThrow(TypeError)
})
