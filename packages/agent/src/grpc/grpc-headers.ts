/** What gRPC says in HTTP/2 header fields. @see gRPC over HTTP2, "Requests" and "Responses" */
import type { IncomingHttpHeaders } from 'node:http2'
import { type GrpcFailure, GrpcStatus } from '@countersign/workload-api/server'

export const RESPONSE_HEADERS = {
  ':status': 200,
  'content-type': 'application/grpc',
  'grpc-accept-encoding': 'identity',
} as const

const CONTENT_TYPE = /^application\/grpc(?:\+proto)?(?:\s*;|$)/i

/** The HTTP status for a request that is none of gRPC; `undefined` for one that is. */
export function httpStatusOfRefusal(headers: IncomingHttpHeaders): number | undefined {
  if (headers[':method'] !== 'POST') return 405
  return CONTENT_TYPE.test(headers['content-type'] ?? '') ? undefined : 415
}

export const OK_TRAILERS = { 'grpc-status': GrpcStatus.OK } as const

export function failureTrailers({ code, details }: GrpcFailure) {
  return { 'grpc-status': code, 'grpc-message': encodeMessage(details) }
}

/** Printable ASCII without "%" stands for itself, any other octet of UTF-8 is percent-encoded. */
export function encodeMessage(message: string): string {
  return message.toWellFormed().replaceAll(/[^ -$&-~]+/g, (text) => encodeURIComponent(text))
}

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 }
/** The longest that a timer can wait. */
const MAX_TIMER_MS = 2 ** 31 - 1

/**
 * How long the client waits, in milliseconds.
 *
 * @param value of `grpc-timeout`
 * @returns `undefined` when it waits for ever, or so long that it makes no difference, or says nothing that is a time
 */
export function parseTimeoutMs(value: string | undefined): number | undefined {
  const [, digits, unit = ''] = /^([0-9]{1,8})([HMSmun])$/.exec(value ?? '') ?? []
  const milliseconds = Number(digits) * (UNIT_MS[unit] ?? Number.NaN)
  return milliseconds <= MAX_TIMER_MS ? Math.ceil(milliseconds) : undefined
}
