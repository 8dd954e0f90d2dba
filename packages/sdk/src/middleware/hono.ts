import { runWithCaller } from '../context/call-context.ts'
import { CallerVerifier, type VerifyCallerOptions } from '../verification/caller-verifier.ts'
import { type HonoContextLike, honoCall } from './hono-call.ts'
import { pairs, signWebResponse } from './sign-web-response.ts'

/**
 * Hono middleware: `app.use(verifyCaller({ workload, audience, policy }))`. Handlers find `c.get('caller')`.
 *
 * @throws TypeError when audience or policy is missing
 */
export function verifyCaller(options: VerifyCallerOptions) {
  const verifier = new CallerVerifier(options)
  return async (context: HonoContextLike, next: () => Promise<void>): Promise<Response | undefined> => {
    const { caller, signer, answer } = await verifier.judge(honoCall(context))
    if (answer !== undefined) {
      return new Response(new Uint8Array(answer.body), { status: answer.status, headers: pairs(answer.rawHeaders) })
    }
    context.set('caller', caller)
    await runWithCaller(caller, next)
    if (signer !== undefined) {
      const signed = await signWebResponse(context.res, signer, context.req.method)
      // Setting a response merges the old one's fields into it, unless there is none.
      context.res = undefined as unknown as Response
      context.res = signed
    }
    return undefined
  }
}

export { verifyAccessToken } from './hono-access.ts'
