import type { Problem } from '@countersign/api'
import { AdminProblem, AdminSocketError } from './admin-socket-error.ts'
import type { Answer } from './exchange.ts'

/** @throws AdminProblem for a refusal, AdminSocketError `ERR_ADMIN_SOCKET_ANSWER` for anything but JSON */
export function readAnswer({ status, body }: Answer): unknown {
  if (status === 204 || (body === '' && status >= 200 && status < 300)) return undefined
  const value = parseJson(status, body)
  if (status >= 200 && status < 300) return value
  const problem = value as Partial<Problem> | null
  if (typeof problem?.code !== 'string') throw notAnAnswer(status)
  const message = problem.title ?? problem.detail ?? `refused with status ${status}`
  throw new AdminProblem(status, problem.code, message, problem.title === undefined ? undefined : problem.detail)
}

function parseJson(status: number, body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    throw notAnAnswer(status)
  }
}

function notAnAnswer(status: number): AdminSocketError {
  return new AdminSocketError(
    'ERR_ADMIN_SOCKET_ANSWER',
    'answer on the admin socket is not from a countersign server',
    {
      detail: `HTTP status ${status}`,
    },
  )
}
