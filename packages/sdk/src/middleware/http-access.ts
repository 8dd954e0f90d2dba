import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { runWithAccess } from '../context/call-context.ts'
import type { Access } from '../verification/access.ts'
import { ResourceGuard, type VerifyAccessTokenOptions } from '../verification/resource-guard.ts'
import { nodeCall } from './node-call.ts'
import { sendAnswer } from './send-answer.ts'

/** A request whose access token was verified. */
export type AuthorizedRequest = IncomingMessage & { readonly access: Access }

/**
 * Wraps a `node:http` handler: it runs only for requests with an access token that is good here, and finds what that says in
 * `req.access`. Others are answered with a challenge.
 *
 * @throws TypeError when issuer or audience is missing, or scopes and policy are
 */
export function verifyAccessToken(
  options: VerifyAccessTokenOptions,
  handler: (request: AuthorizedRequest, response: ServerResponse) => unknown,
): RequestListener {
  const guard = new ResourceGuard(options)
  return async (request, response) => {
    const access = await authorizeOrAnswer(guard, request, request.url ?? '', response)
    if (access === undefined) return
    await runWithAccess(access, () => handler(Object.assign(request, { access }), response))
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
): Promise<Access | undefined> {
  const verdict = await guard.judge(nodeCall(request, target))
  if (verdict.answer !== undefined) {
    sendAnswer(verdict.answer, request, response)
    return undefined
  }
  const { access, rawHeaders } = verdict
  for (let index = 0; index < rawHeaders.length; index += 2) {
    response.setHeader(rawHeaders[index] as string, rawHeaders[index + 1] as string)
  }
  return access
}
