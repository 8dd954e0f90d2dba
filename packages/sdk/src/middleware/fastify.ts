import { runWithCaller } from '../context/call-context.ts'
import type { Caller } from '../verification/caller.ts'
import { CallerVerifier, type VerifyCallerOptions } from '../verification/caller-verifier.ts'
import { type FastifyLike, type FastifyReplyLike, type FastifyRequestLike, sendAnswerByReply } from './fastify-like.ts'
import { nodeCall } from './node-call.ts'
import { signNodeResponse } from './sign-node-response.ts'

type Request = FastifyRequestLike & { caller?: Caller | null }

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
    app.addHook('onRequest', (request: Request, reply: FastifyReplyLike, done) => {
      verifier.judge(nodeCall(request.raw, request.originalUrl)).then(({ caller, signer, answer }) => {
        if (answer === undefined) {
          if (signer !== undefined) signNodeResponse(reply.raw, signer)
          request.caller = caller
          return runWithCaller(caller, done)
        }
        return sendAnswerByReply(answer, reply)
      })
    })
    ready()
  }
  // Fastify's mark for a plugin that is not encapsulated: without it, the hook would guard nothing outside itself.
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true })
}

export { verifyAccessToken } from './fastify-access.ts'
