import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import {
  type AgentStatus,
  type HealthReport,
  LogLevelChange,
  LogLevelReset,
  type ProcessExplanation,
} from '@countersign/api'
import { type Logger, LogLevelError, type LogLevels, type PeerProcess } from '@countersign/plugin-kit'
import { readOperatorBody } from './operator-body.ts'
import { OperatorError } from './operator-error.ts'
import { PROBLEM_MEDIA_TYPE, toProblem } from './operator-problem.ts'

export interface OperatorApiOptions {
  readonly log: Logger
  readonly readStatus: () => AgentStatus
  readonly readHealth: () => Promise<HealthReport>
  /** Absent when the log is not ours to change. */
  readonly logLevels?: LogLevels | undefined
  /** @param asker the process that asks */
  readonly explain: (pid: number, asker: PeerProcess) => Promise<ProcessExplanation>
  readonly peerOf: (request: IncomingMessage) => PeerProcess | undefined
}

const MAX_HEADER_BYTES = 8 * 1024

/** The kernel's own limit is 2^22. */
const PID = /^[1-9][0-9]{0,8}$/

type Handler = (options: OperatorApiOptions, request: IncomingMessage, query: URLSearchParams) => Promise<unknown>

/** Changes nothing but what the agent logs. By method and path. */
const ROUTES: Readonly<Record<string, Handler>> = {
  'GET /v1/status': async ({ readStatus }) => readStatus(),
  'GET /v1/health': ({ readHealth }) => readHealth(),
  'GET /v1/log-level': async (options) => requireLevels(options).report(),
  'PUT /v1/log-level': async (options, request) => {
    const levels = requireLevels(options)
    const change = await readOperatorBody(request, LogLevelChange)
    // Before: a level that is raised would hide that it was.
    tellChange(options, request, change)
    setLevel(() => levels.set(change))
    return levels.report()
  },
  'POST /v1/log-level/reset': async (options, request) => {
    const levels = requireLevels(options)
    const { component } = await readOperatorBody(request, LogLevelReset)
    setLevel(() => (component === undefined ? levels.resetAll() : levels.reset(component)))
    tellChange(options, request, { level: levels.levelOf(component), component })
    return levels.report()
  },
  'GET /v1/explain': async ({ explain, peerOf }, request, query) => {
    const pids = query.getAll('pid')
    const [pid = ''] = pids
    if (pids.length !== 1 || query.size !== 1 || !PID.test(pid)) {
      throw new OperatorError('ERR_OPERATOR_REQUEST', 'query must be pid=NUMBER and nothing else')
    }
    const asker = peerOf(request)
    if (asker === undefined) throw new OperatorError('ERR_OPERATOR_PEER', 'connection is closed')
    return explain(Number(pid), asker)
  },
}

/** Paths with the methods they take. */
const METHODS: ReadonlyMap<string, readonly string[]> = Map.groupBy(
  Object.keys(ROUTES),
  (route) => route.split(' ')[1] ?? '',
)

/** HTTP and JSON for the operator. Has no listener: connections are given to it. */
export function createOperatorApi(options: OperatorApiOptions): Server {
  return createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (request, response) => {
    answer(options, request).then(
      (value) => send(response, 200, 'application/json', value),
      (error) => {
        // What nobody reads is not kept.
        request.resume()
        const problem = toProblem(error)
        if (problem.status === 500) options.log.error({ error }, 'operator request failed unexpectedly')
        if (problem.status === 405) response.setHeader('allow', allowedMethods(request))
        send(response, problem.status, PROBLEM_MEDIA_TYPE, problem)
      },
    )
  })
}

async function answer(options: OperatorApiOptions, request: IncomingMessage): Promise<unknown> {
  const [path = '', query = ''] = (request.url ?? '').split('?', 2)
  if (!METHODS.has(path)) throw new OperatorError('ERR_OPERATOR_NOT_FOUND', 'no such resource')
  const route = `${request.method} ${path}`
  const handler = Object.hasOwn(ROUTES, route) ? ROUTES[route] : undefined
  if (handler === undefined) throw new OperatorError('ERR_OPERATOR_METHOD', 'method is not allowed here')
  return handler(options, request, new URLSearchParams(query))
}

function allowedMethods(request: IncomingMessage): string {
  const [path = ''] = (request.url ?? '').split('?', 1)
  return (METHODS.get(path) ?? []).map((route) => route.split(' ')[0]).join(', ')
}

function requireLevels({ logLevels }: OperatorApiOptions): LogLevels {
  if (logLevels === undefined) throw new OperatorError('ERR_OPERATOR_NOT_FOUND', 'log of this agent cannot be changed')
  return logLevels
}

function setLevel(change: () => void): void {
  try {
    change()
  } catch (cause) {
    if (!(cause instanceof LogLevelError)) throw cause
    const { message, detail } = cause
    throw new OperatorError('ERR_OPERATOR_REQUEST', message, { cause, ...(detail !== undefined && { detail }) })
  }
}

function tellChange(
  { log, peerOf }: OperatorApiOptions,
  request: IncomingMessage,
  { level, component, forSeconds }: { level: string; component?: string | undefined; forSeconds?: number },
): void {
  const uid = peerOf(request)?.uid
  log.info({ uid, logLevel: level, part: component, forSeconds }, 'operator changes what is logged')
}

function send(response: ServerResponse, status: number, mediaType: string, value: unknown): void {
  const body = JSON.stringify(value)
  response
    .writeHead(status, {
      'content-type': mediaType,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      // One question for each connection: no idle one takes the place of another.
      connection: 'close',
    })
    .end(body)
}
