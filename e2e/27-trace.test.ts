/** One call of the Workload API is one trace, from the agent's socket to the server's key, by a real SDK. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { countersign } from './support/program.ts'
import { TrustDomain } from './support/trust-domain.ts'

interface Span {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly service: string
}

/** A collector of ours: OTLP over HTTP with JSON. */
class Collector {
  readonly spans: Span[] = []
  text = ''
  readonly #server: Server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    this.text += body
    for (const { resource, scopeSpans } of JSON.parse(body).resourceSpans) {
      const named = resource.attributes.find(({ key }: { key: string }) => key === 'service.name')
      for (const { spans } of scopeSpans) {
        this.spans.push(...spans.map((span: Span) => ({ ...span, service: named.value.stringValue })))
      }
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1/traces`
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

let collector: Collector
let domain: TrustDomain
beforeEach(async () => {
  collector = new Collector()
  const tracing = `tracing: { otlpEndpoint: '${await collector.listen()}' }\n`
  domain = await TrustDomain.create('example.org', tracing, tracing)
})
afterEach(async () => {
  await domain.remove()
  collector.close()
})

it('a trace joins both programs', async () => {
  const server = await domain.startServer()
  const agentId = await domain.invite()
  const agent = await domain.startAgent()
  await agent.untilOutput(/connected to the server/)
  await domain.admin(
    ...['entry', 'create', '--id', 'spiffe://example.org/orders', '--parent', agentId],
    ...['--selector', `unix:uid:${process.getuid?.() ?? 0}`],
  )
  const fetch = () => countersign(['x509', 'fetch', '--socket', domain.endpoint])
  await expect.poll(async () => (await fetch()).exitCode, { timeout: 20_000 }).toBe(0)
  // What is not sent yet is sent by the end.
  await agent.stop()
  await server.stop()

  const { spans } = collector
  const sign = spans.find((span) => span.name === 'key_manager.sign' && pathOf(span).includes('credential.fetch'))
  expect(sign === undefined ? spans.map(({ name }) => name) : pathOf(sign)).toEqual([
    'key_manager.sign',
    'credential.issue',
    'POST /v1/agent/x509-svids',
    'POST /v1/agent/x509-svids',
    'credential.fetch',
    '/SpiffeWorkloadAPI/FetchX509SVID',
  ])
  const trace = spans.filter(({ traceId }) => traceId === sign?.traceId)
  expect(new Set(trace.map(({ service }) => service))).toEqual(new Set(['countersign-agent', 'countersign-server']))
  const names = trace.map(({ name }) => name)
  expect(names).toContain('workload.attest')
  expect(names).toContain('store.read')
  // The certificate is recorded before it leaves.
  expect(names).toContain('store.note')
  // Identifiers yes, credentials no.
  expect(collector.text).toContain('spiffe://example.org/orders')
  expect(collector.text).not.toMatch(/BEGIN|eyJ[A-Za-z0-9_-]{10}|"d":|MII[A-Za-z0-9+/]{20}/)

  function pathOf(span: Span): string[] {
    const parent = spans.find(({ spanId }) => spanId === span.parentSpanId)
    return [span.name, ...(parent === undefined ? [] : pathOf(parent))]
  }
})
