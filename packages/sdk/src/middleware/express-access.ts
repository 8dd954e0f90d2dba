import type { IncomingMessage, ServerResponse } from 'node:http'
import { runWithAuthorization } from '../context/call-context.ts'
import type { CallAuthorization } from '../verification/call-authorization.ts'
import { ResourceGuard, type VerifyAccessTokenOptions } from '../verification/resource-guard.ts'
import { authorizeOrAnswer } from './http-access.ts'

declare global {
  namespace Express {
    interface Request {
      /** What the access token says. Set behind `verifyAccessToken`. */
      authorization: CallAuthorization
    }
  }
}

/** The shape of Express and Connect middleware, described so that neither is a dependency. */
export type AccessMiddleware = (
  request: IncomingMessage & { originalUrl?: string; authorization?: CallAuthorization },
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void

/**
 * Express middleware: `app.use(verifyAccessToken({ issuer, audience, scopes }))`. Handlers find `req.authorization`. Refused requests
 * are answered with a challenge and go no further.
 *
 * @throws TypeError when issuer or audience is missing, or scopes and policy are
 */
export function verifyAccessToken(options: VerifyAccessTokenOptions): AccessMiddleware {
  const guard = new ResourceGuard(options)
  return (request, response, next) => {
    // A mounted router shortens `url`; the proof was made for the whole path.
    const target = request.originalUrl ?? request.url ?? ''
    authorizeOrAnswer(guard, request, target, response).then((authorization) => {
      if (authorization === undefined) return
      request.authorization = authorization
      runWithAuthorization(authorization, () => next())
    }, next)
  }
}
