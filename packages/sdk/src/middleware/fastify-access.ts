import { runWithAuthorization } from '../context/call-context.ts'
import type { CallAuthorization } from '../verification/call-authorization.ts'
import { ResourceGuard, type VerifyAccessTokenOptions } from '../verification/resource-guard.ts'
import { type FastifyLike, type FastifyReplyLike, type FastifyRequestLike, sendAnswerByReply } from './fastify-like.ts'
import { nodeCall } from './node-call.ts'

type Request = FastifyRequestLike & { authorization?: CallAuthorization | null }

/**
 * Fastify plugin: `app.register(verifyAccessToken({ issuer, audience, scopes }))`. Applies as `verifyCaller` does. Handlers find
 * `request.authorization`.
 *
 * @throws TypeError when issuer or audience is missing, or scopes and policy are
 */
export function verifyAccessToken(options: VerifyAccessTokenOptions) {
  const guard = new ResourceGuard(options)
  const plugin = (app: FastifyLike, _: unknown, ready: () => void) => {
    if (!app.hasRequestDecorator('authorization')) app.decorateRequest('authorization', null)
    app.addHook('onRequest', (request: Request, reply: FastifyReplyLike, done) => {
      guard.judge(nodeCall(request.raw, request.originalUrl)).then((verdict) => {
        if (verdict.answer !== undefined) return sendAnswerByReply(verdict.answer, reply)
        const { authorization, rawHeaders } = verdict
        for (let index = 0; index < rawHeaders.length; index += 2) {
          reply.header(rawHeaders[index] as string, rawHeaders[index + 1] as string)
        }
        request.authorization = authorization
        return runWithAuthorization(authorization, done)
      })
    })
    ready()
  }
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true })
}
