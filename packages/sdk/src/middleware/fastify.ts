import type { IncomingMessage, ServerResponse } from 'node:http'
import { runWithCaller } from '../context/call-context.ts'
import type { Caller } from '../verification/caller.ts'
import { CallerVerifier, type VerifyCallerOptions } from '../verification/caller-verifier.ts'
import { nodeCall } from './node-call.ts'
import { signNodeResponse } from './sign-node-response.ts'

/** The parts of Fastify used, described so that it is no dependency. */
interface FastifyLike {
  hasRequestDecorator(name: string): boolean
  decorateRequest(name: string, value: unknown): unknown
  addHook(
    name: 'onRequest',
    hook: (request: FastifyRequestLike, reply: FastifyReplyLike, done: (error?: Error) => void) => void,
  ): unknown
}
interface FastifyRequestLike {
  readonly raw: IncomingMessage
  readonly originalUrl: string
  caller?: Caller | null
}
interface FastifyReplyLike {
  readonly raw: ServerResponse
  code(status: number): FastifyReplyLike
  header(name: string, value: string): FastifyReplyLike
  send(payload: unknown): unknown
}

/**
 * Fastify plugin: `app.register(verifyCaller({ workload, audience, policy }))`. Applies to the routes of the instance it
 * is registered on and of all plugins registered after it, whichever way they are nested. A plugin registered before it
 * is not guarded: Fastify has copied its hooks by then. Handlers find `request.caller`.
 *
 * @throws TypeError when audience or policy is missing
 */
export function verifyCaller(options: VerifyCallerOptions) {
  const verifier = new CallerVerifier(options)
  const plugin = (app: FastifyLike, _: unknown, ready: () => void) => {
    // A stricter policy for some routes is registered on a nested instance, which has the decorator already.
    if (!app.hasRequestDecorator('caller')) app.decorateRequest('caller', null)
    app.addHook('onRequest', (request, reply, done) => {
      verifier.judge(nodeCall(request.raw, request.originalUrl)).then(({ caller, signer, answer }) => {
        if (answer === undefined) {
          if (signer !== undefined) signNodeResponse(reply.raw, signer)
          request.caller = caller
          return runWithCaller(caller, done)
        }
        const { status, rawHeaders, body } = answer
        reply.code(status)
        for (let index = 0; index < rawHeaders.length; index += 2) {
          reply.header(rawHeaders[index] as string, rawHeaders[index + 1] as string)
        }
        reply.send(Buffer.from(body))
      })
    })
    ready()
  }
  // Fastify's mark for a plugin that is not encapsulated: without it, the hook would guard nothing outside itself.
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true })
}
