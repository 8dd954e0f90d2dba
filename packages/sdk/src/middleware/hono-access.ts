import { runWithAuthorization } from '../context/call-context.ts'
import { ResourceGuard, type VerifyAccessTokenOptions } from '../verification/resource-guard.ts'
import { type HonoContextLike, honoCall } from './hono-call.ts'
import { pairs } from './sign-web-response.ts'

/**
 * Hono middleware: `app.use(verifyAccessToken({ issuer, audience, scopes }))`. Handlers find `c.get('authorization')`.
 *
 * @throws TypeError when issuer or audience is missing, or scopes and policy are
 */
export function verifyAccessToken(options: VerifyAccessTokenOptions) {
  const guard = new ResourceGuard(options)
  return async (context: HonoContextLike, next: () => Promise<void>): Promise<Response | undefined> => {
    const verdict = await guard.judge(honoCall(context))
    if (verdict.answer !== undefined) {
      const { status, rawHeaders, body } = verdict.answer
      return new Response(new Uint8Array(body), { status, headers: pairs(rawHeaders) })
    }
    const { authorization, rawHeaders } = verdict
    context.set('authorization', authorization)
    await runWithAuthorization(authorization, next)
    addFields(context, pairs(rawHeaders))
    return undefined
  }
}

function addFields(context: HonoContextLike, fields: [string, string][]): void {
  const set = () => {
    for (const [name, value] of fields) context.res.headers.set(name, value)
  }
  try {
    set()
  } catch {
    // The fields of a response that the handler has from `fetch` cannot be changed.
    context.res = new Response(context.res.body, context.res)
    set()
  }
}
