import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { runWithCaller } from '../context/call-context.ts'
import type { Caller } from '../verification/caller.ts'
import { CallerVerifier, type VerifyCallerOptions } from '../verification/caller-verifier.ts'
import { nodeCall } from './node-call.ts'
import { sendAnswer } from './send-answer.ts'
import { signNodeResponse } from './sign-node-response.ts'

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
 * Verifies one request, and answers it when refused. The response will be signed where that was asked for.
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
  const { caller, signer, answer } = await verifier.judge(nodeCall(request, target))
  if (answer !== undefined) {
    sendAnswer(answer, request, response)
    return undefined
  }
  if (signer !== undefined) signNodeResponse(response, signer)
  return caller
}

export { type AuthorizedRequest, verifyAccessToken } from './http-access.ts'
