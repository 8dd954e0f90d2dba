/** The one table from codes of the operator API to HTTP answers: RFC 9457 problem documents. */
import type { Problem } from '@countersign/api'
import { OperatorError, type OperatorErrorCode } from './operator-error.ts'

export const PROBLEM_MEDIA_TYPE = 'application/problem+json'

const STATUS: Readonly<Record<OperatorErrorCode, number>> = {
  ERR_OPERATOR_PEER: 403,
  ERR_OPERATOR_NOT_FOUND: 404,
  ERR_OPERATOR_METHOD: 405,
  ERR_OPERATOR_REQUEST: 400,
  ERR_OPERATOR_NO_PROCESS: 404,
  ERR_OPERATOR_PROCESS_GONE: 409,
  ERR_OPERATOR_THREAD: 400,
  ERR_OPERATOR_PID_NAMESPACE: 409,
  ERR_OPERATOR_INTERNAL: 500,
}

/** Of an error that nobody foresaw it tells nothing. */
export function toProblem(error: unknown): Problem {
  const { code, message, detail } =
    error instanceof OperatorError ? error : new OperatorError('ERR_OPERATOR_INTERNAL', 'internal error')
  const known = { type: `urn:countersign:error:${code}`, title: message, status: STATUS[code], code }
  return detail === undefined ? known : { ...known, detail }
}

/** A whole answer for a connection of which nothing is read. */
export function formatRefusal(error: OperatorError): string {
  const body = JSON.stringify(toProblem(error))
  return (
    `HTTP/1.1 ${STATUS[error.code]} Refused\r\ncontent-type: ${PROBLEM_MEDIA_TYPE}\r\n` +
    `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`
  )
}
