import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'
import type { Readiness } from '../health/readiness.ts'
import type { ScrapeSource } from '../metrics/metric-set.ts'

export interface TelemetrySources {
  readonly metrics: ScrapeSource
  readonly readiness: Readiness
  readonly log: Logger
}

interface Answer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

type Handler = (sources: TelemetrySources, request: IncomingMessage) => Promise<Answer>

const ROUTES: Readonly<Record<string, Handler>> = {
  '/metrics': async ({ metrics }, request) => {
    const { contentType, body } = await metrics.scrape(request.headers.accept)
    return { status: 200, contentType, body }
  },
  '/live': async () => json(200, { status: 'live' }),
  '/ready': async ({ readiness }) => {
    const { ready, checks } = await readiness.report()
    return json(ready ? 200 : 503, { status: ready ? 'ready' : 'not ready', checks })
  },
}

/** What the telemetry listener answers: GET and HEAD of three resources, none of which takes a body or a query. */
export async function answerTelemetry(
  sources: TelemetrySources,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  request.resume()
  const answer = await find(sources, request).catch((error: unknown) => {
    sources.log.error({ code: errorCode(error), error }, 'telemetry request failed unexpectedly')
    return json(500, { status: 'internal error' })
  })
  response.writeHead(answer.status, {
    'content-type': answer.contentType,
    'content-length': Buffer.byteLength(answer.body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(answer.status === 405 && { allow: 'GET, HEAD' }),
  })
  response.end(request.method === 'HEAD' ? undefined : answer.body)
}

async function find(sources: TelemetrySources, request: IncomingMessage): Promise<Answer> {
  const { url = '', method = '' } = request
  const handler = Object.hasOwn(ROUTES, url) ? ROUTES[url] : undefined
  if (handler === undefined) return json(404, { status: 'no such resource' })
  if (method !== 'GET' && method !== 'HEAD') return json(405, { status: 'method is not allowed here' })
  return handler(sources, request)
}

function json(status: number, value: object): Answer {
  return { status, contentType: 'application/json', body: `${JSON.stringify(value)}\n` }
}
