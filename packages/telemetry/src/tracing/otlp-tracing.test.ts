import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { context, propagation } from '@opentelemetry/api'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import { openTracing } from './open-tracing.ts'
import { traced } from './tracing.ts'

afterEach(() => {
  context.disable()
  propagation.disable()
})

/** A collector that answers as it is told. */
async function startCollector(status: number) {
  const bodies: string[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    bodies.push(body)
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { bodies, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces` }
}

async function send(status: number, sampleRatio = 1) {
  const collector = await startCollector(status)
  const lines: string[] = []
  const write = (_: object, message: string) => void lines.push(message)
  const log = { debug: write, info: write, warn: write, error: write, child: () => log }
  const program = { name: 'countersign-test', version: '1', trustDomain: 'example.org', log }
  const tracing = await openTracing({ otlpEndpoint: collector.url, sampleRatio }, program)
  await traced(tracing, 'work', { 'countersign.agent_id': 'spiffe://example.org/a' }, async () => {})
  await tracing.close()
  return { ...collector, lines }
}

describe('openOtlpTracing', () => {
  it('sends spans to the collector, by when it is closed at the latest', async () => {
    const { bodies, lines } = await send(200)
    expect(bodies).toHaveLength(1)
    const { resourceSpans } = JSON.parse(bodies[0] ?? '')
    const attributes = Object.fromEntries(
      resourceSpans[0].resource.attributes.map(({ key, value }: { key: string; value: { stringValue: string } }) => [
        key,
        value.stringValue,
      ]),
    )
    expect(attributes).toMatchObject({ 'service.name': 'countersign-test', 'countersign.trust_domain': 'example.org' })
    expect(resourceSpans[0].scopeSpans[0].spans).toMatchObject([{ name: 'work' }])
    expect(lines).toEqual([])
  })

  it('says that a collector does not take them, and goes on', async () => {
    const { lines } = await send(400)
    expect(lines).toEqual(['trace collector does not take spans, they are dropped'])
  })

  it('records no trace when none is to be sampled', async () => {
    expect((await send(200, 0)).bodies).toEqual([])
  })
})
