import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Answer } from '../verification/answer.ts'

/** The parts of Fastify used, described so that it is no dependency. */
export interface FastifyLike {
  hasRequestDecorator(name: string): boolean
  decorateRequest(name: string, value: unknown): unknown
  addHook(
    name: 'onRequest',
    hook: (request: FastifyRequestLike, reply: FastifyReplyLike, done: (error?: Error) => void) => void,
  ): unknown
}

export interface FastifyRequestLike {
  readonly raw: IncomingMessage
  readonly originalUrl: string
}

export interface FastifyReplyLike {
  readonly raw: ServerResponse
  code(status: number): FastifyReplyLike
  header(name: string, value: string): FastifyReplyLike
  send(payload: unknown): unknown
}

/** Sends an answer in place of a handler's, through what hooks an application has. */
export function sendAnswerByReply({ status, rawHeaders, body }: Answer, reply: FastifyReplyLike): void {
  reply.code(status)
  for (let index = 0; index < rawHeaders.length; index += 2) {
    reply.header(rawHeaders[index] as string, rawHeaders[index + 1] as string)
  }
  reply.send(Buffer.from(body))
}
