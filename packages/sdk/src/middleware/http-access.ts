import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { runWithAuthorization } from '../context/call-context.ts'
import type { CallAuthorization } from '../verification/call-authorization.ts'
import { ResourceGuard, type VerifyAccessTokenOptions } from '../verification/resource-guard.ts'
import { nodeCall } from './node-call.ts'
import { sendAnswer } from './send-answer.ts'

/** A request whose access token was verified. */
export type AuthorizedRequest = IncomingMessage & { readonly authorization: CallAuthorization }

/**
 * Wraps a `node:http` handler: it runs only for requests with an access token that is good here, and finds what that says in
 * `req.authorization`. Others are answered with a challenge.
 *
 * @throws TypeError when issuer or audience is missing, or scopes and policy are
 */
export function verifyAccessToken(
  options: VerifyAccessTokenOptions,
  handler: (request: AuthorizedRequest, response: ServerResponse) => unknown,
): RequestListener {
  const guard = new ResourceGuard(options)
  return async (request, response) => {
    const authorization = await authorizeOrAnswer(guard, request, request.url ?? '', response)
    if (authorization === undefined) return
    await runWithAuthorization(authorization, () => handler(Object.assign(request, { authorization }), response))
  }
}

/**
 * Judges one request, and answers it when it is refused.
 *
 * @param target as received, before any router rewrote it
 * @returns undefined when the response has been sent
 */
export async function authorizeOrAnswer(
  guard: ResourceGuard,
  request: IncomingMessage,
  target: string,
  response: ServerResponse,
): Promise<CallAuthorization | undefined> {
  const verdict = await guard.judge(nodeCall(request, target))
  if (verdict.answer !== undefined) {
    sendAnswer(verdict.answer, request, response)
    return undefined
  }
  // Something else, such as a timeout, may have answered meanwhile: there is nobody to do anything for.
  if (response.headersSent) return undefined
  const { authorization, rawHeaders } = verdict
  for (let index = 0; index < rawHeaders.length; index += 2) {
    response.setHeader(rawHeaders[index] as string, rawHeaders[index + 1] as string)
  }
  return authorization
}
