import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateSigningKey, type NodeSigningKey } from '@countersign/protocol/keys-node'
import { encodeToken } from '@countersign/testing'
import { temporaryFolder } from './temporary-folder.ts'
import { startWebServer } from './web-server.ts'

export const AUDIENCE = 'https://admin.example.org'

/** An OpenID Connect issuer on loopback: its metadata and keys over HTTPS, and tokens that it signs. */
export async function startOidcIssuer(config: object = {}) {
  const state = {
    keys: [generateSigningKey('ES256', { kid: 'k1' })] as NodeSigningKey[],
    metadata: {} as Record<string, unknown>,
    isAway: false,
    /** Where it sends whoever asks for anything but that. */
    redirect: undefined as string | undefined,
  }
  const web = await startWebServer((request, response) => {
    const answer = request.url === '/jwks' ? { keys: state.keys.map((key) => key.publicJwk) } : metadata()
    if (state.redirect !== undefined && request.url !== state.redirect) {
      response.writeHead(302, { location: state.redirect }).end()
      return
    }
    response.writeHead(state.isAway ? 503 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer))
  })
  const metadata = () => ({ issuer: web.url, jwks_uri: `${web.url}/jwks`, ...state.metadata })
  const webRootsFile = join(await temporaryFolder(), 'roots.pem')
  await writeFile(webRootsFile, web.webRoots)
  return {
    state,
    url: web.url,
    requests: web.requests,
    /** For `admin.oidc`. */
    config: { issuer: web.url, audience: AUDIENCE, webRootsFile, allowedAddresses: ['127.0.0.1', '::1'], ...config },
    /** @param now issued then, for five minutes */
    token(now: number, claims: object = {}, header: object = {}): string {
      const [key] = state.keys
      if (key === undefined) throw new Error('issuer has no key')
      const about = { iss: web.url, sub: 'alice', aud: AUDIENCE, iat: now, exp: now + 300 }
      return encodeToken({ alg: 'ES256', kid: key.publicJwk.kid, ...header }, { ...about, ...claims }, key)
    },
  }
}

export const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
