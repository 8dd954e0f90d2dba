import type { IncomingMessage } from 'node:http'
import { peerCertificateOf } from '../tls/peer-certificate.ts'
import { tlsPeerOf } from '../tls/tls-peer.ts'
import type { IncomingCall } from '../verification/incoming-call.ts'
import { readRequestBody } from './read-request-body.ts'

/** The parts of Hono's context used, described so that it is no dependency. */
export interface HonoContextLike {
  readonly req: { raw: Request; readonly method: string }
  readonly env: unknown
  res: Response
  set(key: string, value: unknown): void
}

/** Node's own request where there is one: a Web `Request` has already joined repeated fields and rewritten its URL. */
export function honoCall(context: HonoContextLike): IncomingCall {
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
    return {
      method: req.method,
      target,
      rawHeaders,
      readBody,
      tlsPeer: (now) => tlsPeerOf(incoming, now),
      peerCertificate: () => peerCertificateOf(incoming),
    }
  }
  const { pathname, search } = new URL(req.raw.url)
  return { method: req.method, target: pathname + search, rawHeaders: [...req.raw.headers].flat(), readBody }
}

function initOf({ method, headers, signal }: Request): RequestInit {
  return { method, headers, signal }
}
