import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { runWithCaller } from '../context/call-context.ts'
import type { Caller } from '../verification/caller.ts'
import { CallerVerifier, type VerifyCallerOptions } from '../verification/caller-verifier.ts'
import { answerTo, PROBLEM_MEDIA_TYPE, type ProblemDocument } from '../verification/problem.ts'

/** A request whose sender is known. */
export type VerifiedRequest = IncomingMessage & { readonly caller: Caller }

/**
 * Wraps a `node:http` handler: it runs only for callers that are verified and allowed, and finds them in `req.caller`.
 * Others are answered with a problem document: 400 when not authentic, 403 when not allowed.
 *
 * @throws TypeError when audience or policy is missing
 */
export function verifyCaller(
  options: VerifyCallerOptions,
  handler: (request: VerifiedRequest, response: ServerResponse) => unknown,
): RequestListener {
  const verifier = new CallerVerifier(options)
  return async (request, response) => {
    const caller = await verifyOrAnswer(verifier, request, request.url ?? '', response)
    if (caller === undefined) return
    await runWithCaller(caller, () => handler(Object.assign(request, { caller }), response))
  }
}

/**
 * Verifies one request, and answers it when refused.
 *
 * @param target as received, before any router rewrote it
 * @returns the caller, or undefined when the response has been sent
 */
export async function verifyOrAnswer(
  verifier: CallerVerifier,
  request: IncomingMessage,
  target: string,
  response: ServerResponse,
): Promise<Caller | undefined> {
  try {
    return await verifier.verify({ method: request.method ?? '', target, rawHeaders: request.rawHeaders })
  } catch (error) {
    answerProblem(answerTo(error), request, response)
    return undefined
  }
}

function answerProblem(problem: ProblemDocument, request: IncomingMessage, response: ServerResponse): void {
  // Something else, such as a timeout, may have answered while a policy was thinking.
  if (response.headersSent) return
  const body = JSON.stringify(problem)
  response.writeHead(problem.status, {
    'content-type': PROBLEM_MEDIA_TYPE,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  })
  response.end(body)
  // What is left of the body belongs to a request nobody will read.
  request.resume()
}
