import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AgentStatus, ProcessExplanation } from '@countersign/api'
import type { Logger, PeerProcess } from '@countersign/plugin-kit'
import { OperatorError } from './operator-error.ts'
import { PROBLEM_MEDIA_TYPE, toProblem } from './operator-problem.ts'

export interface OperatorApiOptions {
  readonly log: Logger
  readonly readStatus: () => AgentStatus
  /** @param asker the process that asks */
  readonly explain: (pid: number, asker: PeerProcess) => Promise<ProcessExplanation>
  readonly peerOf: (request: IncomingMessage) => PeerProcess | undefined
}

const MAX_HEADER_BYTES = 8 * 1024

/** The kernel's own limit is 2^22. */
const PID = /^[1-9][0-9]{0,8}$/

type Handler = (options: OperatorApiOptions, request: IncomingMessage, query: URLSearchParams) => Promise<unknown>

const ROUTES: Readonly<Record<string, Handler>> = {
  '/v1/status': async ({ readStatus }) => readStatus(),
  '/v1/explain': async ({ explain, peerOf }, request, query) => {
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

/** HTTP and JSON for the operator, read only. Has no listener: connections are given to it. */
export function createOperatorApi(options: OperatorApiOptions): Server {
  return createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (request, response) => {
    // Nothing here takes a body: whatever is sent is not kept.
    request.resume()
    answer(options, request).then(
      (value) => send(response, 200, 'application/json', value),
      (error) => {
        const problem = toProblem(error)
        if (problem.status === 500) options.log.error({ error }, 'operator request failed unexpectedly')
        if (problem.status === 405) response.setHeader('allow', 'GET')
        send(response, problem.status, PROBLEM_MEDIA_TYPE, problem)
      },
    )
  })
}

async function answer(options: OperatorApiOptions, request: IncomingMessage): Promise<unknown> {
  const [path = '', query = ''] = (request.url ?? '').split('?', 2)
  const handler = Object.hasOwn(ROUTES, path) ? ROUTES[path] : undefined
  if (handler === undefined) throw new OperatorError('ERR_OPERATOR_NOT_FOUND', 'no such resource')
  if (request.method !== 'GET') throw new OperatorError('ERR_OPERATOR_METHOD', 'method is not allowed here')
  return handler(options, request, new URLSearchParams(query))
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
