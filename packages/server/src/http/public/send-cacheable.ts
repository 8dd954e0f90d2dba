import type { FastifyReply, FastifyRequest } from 'fastify'

export interface Freshness {
  /** Another one for every other content. No quotation marks in it. */
  readonly version: string
  readonly maxAgeSeconds: number
}

/** Sends a document that anyone may keep for a while, or 304 to whoever has this version already. RFC 9110 section 13.1.2 */
export function sendCacheable(request: FastifyRequest, reply: FastifyReply, freshness: Freshness, document: object) {
  const etag = `"${freshness.version}"`
  reply.headers({ etag, 'cache-control': `public, max-age=${freshness.maxAgeSeconds}` })
  const known = request.headers['if-none-match']?.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  if (known?.includes(etag)) return reply.code(304).send()
  return reply.type('application/json').send(document)
}
