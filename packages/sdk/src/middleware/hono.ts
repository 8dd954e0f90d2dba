import type { IncomingMessage } from 'node:http'
import { runWithCaller } from '../context/call-context.ts'
import type { Caller } from '../verification/caller.ts'
import { CallerVerifier, type IncomingCall, type VerifyCallerOptions } from '../verification/caller-verifier.ts'
import { answerTo, PROBLEM_MEDIA_TYPE } from '../verification/problem.ts'

/** The parts of Hono's context used, described so that it is no dependency. */
interface HonoContextLike {
  readonly req: { readonly raw: Request; readonly method: string }
  readonly env: unknown
  set(key: 'caller', value: Caller): void
}

/**
 * Hono middleware: `app.use(verifyCaller({ workload, audience, policy }))`. Handlers find `c.get('caller')`.
 *
 * @throws TypeError when audience or policy is missing
 */
export function verifyCaller(options: VerifyCallerOptions) {
  const verifier = new CallerVerifier(options)
  return async (context: HonoContextLike, next: () => Promise<void>): Promise<Response | undefined> => {
    let caller: Caller
    try {
      caller = await verifier.verify(incomingCall(context))
    } catch (error) {
      const problem = answerTo(error)
      return new Response(JSON.stringify(problem), {
        status: problem.status,
        headers: { 'content-type': PROBLEM_MEDIA_TYPE, 'cache-control': 'no-store' },
      })
    }
    context.set('caller', caller)
    await runWithCaller(caller, next)
    return undefined
  }
}

/** Node's own request where there is one: a Web `Request` has already joined repeated fields and rewritten its URL. */
function incomingCall({ req, env }: HonoContextLike): IncomingCall {
  const incoming = (env as { incoming?: IncomingMessage } | undefined)?.incoming
  if (incoming?.rawHeaders !== undefined && incoming.url !== undefined) {
    return { method: req.method, target: incoming.url, rawHeaders: incoming.rawHeaders }
  }
  const { pathname, search } = new URL(req.raw.url)
  return { method: req.method, target: pathname + search, rawHeaders: [...req.raw.headers].flat() }
}
