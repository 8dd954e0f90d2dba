import type { IncomingMessage, ServerResponse } from 'node:http'
import { runWithAccess } from '../context/call-context.ts'
import type { Access } from '../verification/access.ts'
import { ResourceGuard, type VerifyAccessTokenOptions } from '../verification/resource-guard.ts'
import { authorizeOrAnswer } from './http-access.ts'

declare global {
  namespace Express {
    interface Request {
      /** What the access token says. Set behind `verifyAccessToken`. */
      access: Access
    }
  }
}

/** The shape of Express and Connect middleware, described so that neither is a dependency. */
export type AccessMiddleware = (
  request: IncomingMessage & { originalUrl?: string; access?: Access },
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void

/**
 * Express middleware: `app.use(verifyAccessToken({ issuer, audience, scopes }))`. Handlers find `req.access`. Refused requests
 * are answered with a challenge and go no further.
 *
 * @throws TypeError when issuer or audience is missing, or scopes and policy are
 */
export function verifyAccessToken(options: VerifyAccessTokenOptions): AccessMiddleware {
  const guard = new ResourceGuard(options)
  return (request, response, next) => {
    // A mounted router shortens `url`; the proof was made for the whole path.
    const target = request.originalUrl ?? request.url ?? ''
    authorizeOrAnswer(guard, request, target, response).then((access) => {
      if (access === undefined) return
      request.access = access
      runWithAccess(access, () => next())
    }, next)
  }
}
