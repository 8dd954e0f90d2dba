import type { IncomingMessage } from 'node:http'
import { runWithCaller } from '../context/call-context.ts'
import { tlsPeerOf } from '../tls/tls-peer.ts'
import type { Caller } from '../verification/caller.ts'
import { CallerVerifier, type VerifyCallerOptions } from '../verification/caller-verifier.ts'
import type { IncomingCall } from '../verification/incoming-call.ts'
import { readRequestBody } from './read-request-body.ts'
import { pairs, signWebResponse } from './sign-web-response.ts'

/** The parts of Hono's context used, described so that it is no dependency. */
interface HonoContextLike {
  readonly req: { raw: Request; readonly method: string }
  readonly env: unknown
  res: Response
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
    const { caller, signer, answer } = await verifier.judge(incomingCall(context))
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

/** Node's own request where there is one: a Web `Request` has already joined repeated fields and rewritten its URL. */
function incomingCall(context: HonoContextLike): IncomingCall {
  const { req, env } = context
  const readBody = async (maxBytes: number) => {
    const body = await readRequestBody(req.raw, maxBytes)
    // For handlers: this one has been read.
    if (req.raw.body !== null) req.raw = new Request(req.raw.url, { ...initOf(req.raw), body: new Uint8Array(body) })
    return body
  }
  const incoming = (env as { incoming?: IncomingMessage } | undefined)?.incoming
  if (incoming?.rawHeaders !== undefined && incoming.url !== undefined) {
    const { url: target, rawHeaders } = incoming
    return { method: req.method, target, rawHeaders, readBody, tlsPeer: (now) => tlsPeerOf(incoming, now) }
  }
  const { pathname, search } = new URL(req.raw.url)
  return { method: req.method, target: pathname + search, rawHeaders: [...req.raw.headers].flat(), readBody }
}

function initOf({ method, headers, signal }: Request): RequestInit {
  return { method, headers, signal }
}
