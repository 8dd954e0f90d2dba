import type { RunningSpan } from '@countersign/telemetry'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Observation } from '../telemetry/observation.ts'

export interface RequestObservers extends Pick<Observation, 'recorder' | 'tracing'> {
  /** Whether a trace that a request names is continued: of agents, not of strangers. */
  readonly continuesTraces?: boolean
}

/** Counts requests, and makes each a span. Must be called before hooks and routes are added. */
export function observeRequests(app: FastifyInstance, listener: string, observers: RequestObservers): RequestSpans {
  const { recorder } = observers
  const spans = new RequestSpans(listener, observers)
  const streams = new WeakSet<FastifyRequest>()
  app.addHook('onRequest', (request, _reply, done) => {
    spans.begin(request)
    done()
  })
  app.addHook('onRoute', (route) => {
    const { handler } = route
    // A body arrives by events of its connection, so the handler is not below the hook that came before it.
    route.handler = function (this: FastifyInstance, request: FastifyRequest, reply: FastifyReply) {
      const result = spans.run(request, () => handler.call(this, request, reply))
      // Answered by the handler itself, for as long as somebody listens: a stream of events.
      if (reply.sent && !reply.raw.writableEnded) {
        streams.add(request)
        spans.end(request, reply.raw.statusCode)
      }
      return result
    }
  })
  app.addHook('onResponse', (request, reply, done) => {
    const { method } = request
    recorder.requestAnswered({
      ...{ listener, method, route: routeOf(request), status: reply.raw.statusCode },
      ...(!streams.has(request) && { seconds: reply.elapsedTime / 1000 }),
    })
    spans.end(request, reply.raw.statusCode)
    done()
  })
  return spans
}

/** The spans of the requests of one listener. */
export class RequestSpans {
  readonly #listener: string
  readonly #observers: RequestObservers
  readonly #spans = new WeakMap<FastifyRequest, RunningSpan>()

  constructor(listener: string, observers: RequestObservers) {
    this.#listener = listener
    this.#observers = observers
  }

  begin(request: FastifyRequest): void {
    const { tracing, continuesTraces = false } = this.#observers
    const route = routeOf(request)
    const span = tracing.begin(`${request.method} ${route}`, {
      kind: 'server',
      attributes: {
        'http.request.method': request.method,
        'http.route': route,
        'countersign.listener': this.#listener,
      },
      ...(continuesTraces && { from: request.headers }),
    })
    this.#spans.set(request, span)
  }

  run<T>(request: FastifyRequest, work: () => T): T {
    const span = this.#spans.get(request)
    return span === undefined ? work() : span.run(work)
  }

  end(request: FastifyRequest, status: number): void {
    const span = this.#spans.get(request)
    span?.set('http.response.status_code', status)
    span?.end(status >= 500 ? new Error('request failed') : undefined)
    this.#spans.delete(request)
  }
}

function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? 'none'
}
