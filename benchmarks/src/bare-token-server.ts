/** A Fastify endpoint that verifies the signatures it is sent and makes one: what a token costs at least. Sent its settings, says `ready`. */
import { createPrivateKey, createPublicKey, type JsonWebKey, sign, verify } from 'node:crypto'
import Fastify from 'fastify'
import type { TokenServerSettings } from './token-servers.ts'

process.once('message', async ({ port, key, cert, clientKey, signingKey }: TokenServerSettings) => {
  const trusted = createPublicKey({ key: clientKey as JsonWebKey, format: 'jwk' })
  const own = createPrivateKey({ key: signingKey as JsonWebKey, format: 'jwk' })
  const dsaEncoding = 'ieee-p1363'
  const header = Buffer.from('{"alg":"ES256","typ":"at+jwt","kid":"own"}').toString('base64url')
  const app = Fastify({ https: { key, cert } })
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    async (_: unknown, body: string) => body,
  )
  const isAuthentic = (token: string) => {
    const end = token.lastIndexOf('.')
    const signature = Buffer.from(token.slice(end + 1), 'base64url')
    return verify('sha256', Buffer.from(token.slice(0, end)), { key: trusted, dsaEncoding }, signature)
  }
  app.post('/token', async (request, reply) => {
    const form = new URLSearchParams(request.body as string)
    const tokens = ['client_assertion', 'subject_token'].flatMap((name) => form.get(name) ?? [])
    if (tokens.length === 0 || !tokens.every(isAuthentic)) return reply.code(401).send({})
    const { sub } = JSON.parse(Buffer.from(tokens.at(-1)?.split('.')[1] ?? '', 'base64url').toString())
    const now = Math.floor(Date.now() / 1000)
    const claims = {
      iss: 'https://localhost',
      sub,
      aud: 'https://orders.example',
      iat: now,
      exp: now + 300,
      jti: String(now),
    }
    const issued = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
    const proof = sign('sha256', Buffer.from(issued), { key: own, dsaEncoding }).toString('base64url')
    return { access_token: `${issued}.${proof}`, token_type: 'Bearer', expires_in: 300 }
  })
  await app.listen({ host: '127.0.0.1', port })
  process.send?.('ready')
})
