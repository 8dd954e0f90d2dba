import type { IncomingMessage, ServerResponse } from 'node:http'
import { runWithCaller } from '../context/call-context.ts'
import type { Caller } from '../verification/caller.ts'
import { CallerVerifier, type VerifyCallerOptions } from '../verification/caller-verifier.ts'
import { verifyOrAnswer } from './http.ts'

declare global {
  namespace Express {
    interface Request {
      /** Who sent this request. Set behind `verifyCaller`. */
      caller: Caller
    }
  }
}

/** The shape of Express and Connect middleware, described so that neither is a dependency. */
export type ConnectMiddleware = (
  request: IncomingMessage & { originalUrl?: string; caller?: Caller },
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void

/**
 * Express middleware: `app.use(verifyCaller({ workload, audience, policy }))`. Handlers find `req.caller`. Refused
 * requests are answered with a problem document and go no further.
 *
 * @throws TypeError when audience or policy is missing
 */
export function verifyCaller(options: VerifyCallerOptions): ConnectMiddleware {
  const verifier = new CallerVerifier(options)
  return (request, response, next) => {
    // A mounted router shortens `url`; the proof was made for the whole path.
    const target = request.originalUrl ?? request.url ?? ''
    verifyOrAnswer(verifier, request, target, response).then((caller) => {
      if (caller === undefined) return
      request.caller = caller
      runWithCaller(caller, () => next())
    }, next)
  }
}

export { type AccessMiddleware, verifyAccessToken } from './express-access.ts'
