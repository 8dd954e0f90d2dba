import type { Logger } from '@countersign/plugin-kit'
import { parseJsonObject, WorkloadIdentityError } from '@countersign/protocol'
import swagger from '@fastify/swagger'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, type RouteOptions } from 'fastify'
import { AdminError } from '../authorization/admin-error.ts'
import { RateError } from '../issuance/rate-error.ts'
import { HttpError } from './http-error.ts'
import { observeRequests, type RequestObservers } from './observe-requests.ts'
import { PROBLEM_MEDIA_TYPE, toProblem } from './problem.ts'

export interface AppOptions {
  readonly log: Logger
  /** Which listener, for the log and the OpenAPI document. */
  readonly name: string
  readonly description: string
  /** Publishes `/v1/openapi.json`. */
  readonly openapi: boolean
  readonly version: string
  /** Called before any route is declared. */
  readonly install?: (app: FastifyInstance) => void
  /** Runs before anything else for every request, whatever its path; throws to refuse it. */
  readonly guard?: (request: FastifyRequest) => Promise<void>
  readonly observers?: RequestObservers | undefined
}

export const MAX_BODY_BYTES = 256 * 1024
/** A trust domain or an entry's id, percent-encoded. */
const MAX_PARAMETER_CHARACTERS = 1024

/**
 * An application with the limits, parsers and answers that all listeners share; `routes` adds what differs.
 * It has no listener of its own: `app.routing` is given to one.
 */
export async function createApp(options: AppOptions, routes: (app: FastifyInstance) => void): Promise<FastifyInstance> {
  const { guard, install, observers } = options
  const app = fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    return503OnClosing: false,
    routerOptions: { maxParamLength: MAX_PARAMETER_CHARACTERS },
    // What is sent is checked, never repaired: no dropped members, no text turned into numbers, no filled-in defaults.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false, allErrors: false } },
    frameworkErrors: (error, _request, reply) => void sendProblem(reply, error),
  })
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  acceptOnlyJson(app)
  const spans = observers && observeRequests(app, options.name, observers)
  app.setErrorHandler((error, request, reply) => {
    logFailure(options.log, request, error)
    return sendProblem(reply, error)
  })
  // Hooks of every request call back: a promise for each would cost more than what they do.
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
    done()
  })
  if (guard !== undefined) {
    app.addHook('onRequest', (request) => spans?.run(request, () => guard(request)) ?? guard(request))
  }
  app.setNotFoundHandler((_request, reply) =>
    sendProblem(reply, new HttpError('ERR_HTTP_NOT_FOUND', 'no such resource')),
  )
  app.addHook('onResponse', (request, reply, done) => {
    logResponse(options.log, request, reply)
    done()
  })
  install?.(app)
  const known = collectRoutes(app)
  if (options.openapi) await describeApi(app, options)
  routes(app)
  refuseOtherMethods(app, known)
  await app.ready()
  return app
}

function sendProblem(reply: FastifyReply, error: unknown) {
  const problem = toProblem(error)
  reply.headers(headersOf(error))
  return reply
    .code(problem.status)
    .type(PROBLEM_MEDIA_TYPE)
    .serializer((data: unknown) => JSON.stringify(data))
    .send(problem)
}

/** What goes with some refusals: a challenge, or when to come back. */
function headersOf(error: unknown): Readonly<Record<string, string>> {
  return error instanceof AdminError || error instanceof RateError ? error.headers : {}
}

/** Strict JSON: two members of one name would mean different things to different readers. */
function acceptOnlyJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    async (_request: FastifyRequest, body: string) => {
      if (body === '') return undefined
      try {
        return parseJsonObject(body)
      } catch (cause) {
        if (!(cause instanceof WorkloadIdentityError)) throw cause
        throw new HttpError('ERR_HTTP_BODY_MALFORMED', `body: ${cause.message}`)
      }
    },
  )
}

/** The route's pattern, not the path: a path can hold anything. */
function logResponse(log: Logger, request: FastifyRequest, reply: FastifyReply): void {
  const { method, routeOptions } = request
  log.debug({ method, route: routeOptions.url ?? '', status: reply.statusCode, ms: reply.elapsedTime }, 'answered')
}

function logFailure(log: Logger, request: FastifyRequest, error: unknown): void {
  const { status, code } = toProblem(error)
  const route = request.routeOptions.url ?? ''
  const detail = error instanceof WorkloadIdentityError ? error.detail : undefined
  // Refusals are not louder: anyone who can connect could fill the log. What an auditor asks about has its own events.
  // A hold was told of when it began.
  if (status >= 500 && !code.startsWith('ERR_HOLD_'))
    log.error({ route, status, code, detail, err: error }, 'request failed')
  else log.debug({ route, status, code, detail }, 'request refused')
}

async function describeApi(app: FastifyInstance, options: AppOptions): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: `Countersign ${options.name} API`, description: options.description, version: options.version },
    },
  })
  app.get('/v1/openapi.json', { schema: { hide: true } }, async (_request, reply) => reply.send(app.swagger()))
}

const METHODS = ['DELETE', 'GET', 'PATCH', 'POST', 'PUT'] as const

function collectRoutes(app: FastifyInstance): Map<string, Set<string>> {
  const known = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ url, method }: RouteOptions) => {
    const methods = known.get(url) ?? new Set<string>()
    for (const name of [method].flat()) methods.add(name)
    known.set(url, methods)
  })
  return known
}

/** Without this a wrong method looks like a wrong path. RFC 9110 section 15.5.6: 405 tells the right ones. */
function refuseOtherMethods(app: FastifyInstance, known: Map<string, Set<string>>): void {
  for (const [url, methods] of [...known]) {
    const others = METHODS.filter((method) => !methods.has(method))
    if (others.length === 0) continue
    const allow = [...methods].sort().join(', ')
    app.route({
      method: others,
      url,
      schema: { hide: true },
      config: { refusesMethod: true },
      // A body is not looked at: whatever it is, the method is wrong.
      onRequest: async (_request, reply) => {
        reply.header('allow', allow)
        throw new HttpError('ERR_HTTP_METHOD', 'method is not allowed here')
      },
      handler: async () => undefined,
    })
  }
}
