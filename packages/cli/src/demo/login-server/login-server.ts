import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { createServer, type Server } from 'node:https'
import { AccessTokenIssuer } from '@countersign/protocol/exchange'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { AuthorizationCodes, isEqual } from './authorization-codes.ts'
import { readForm } from './read-form.ts'
import type { WebCertificate } from './web-certificate.ts'

export interface LoginServerSettings {
  readonly port: number
  readonly certificate: WebCertificate
  /** The one person who has an account. */
  readonly user: { readonly name: string; readonly email: string; readonly password: string }
  readonly redirectUris: readonly string[]
  /** Scopes that the person may let an application have. */
  readonly scopes: readonly string[]
}

interface Reply {
  readonly status: number
  readonly type?: string
  readonly body?: string
  readonly location?: string
}

const TOKEN_SECONDS = 300
const JSON_TYPE = 'application/json'

/**
 * Where the user of the demo signs in: the least that is an authorization server with a login form. It stands in for your
 * Keycloak or whatever else you have; Countersign signs no people in. Keys, discovery, authorization code with PKCE and access
 * tokens (RFC 9068) are real, and nothing else is here: one person, no consent, no ID tokens, no sessions.
 */
export function startLoginServer({ port, certificate, user, redirectUris, scopes }: LoginServerSettings): Server {
  const issuer = `https://127.0.0.1:${port}`
  const key = generateSigningKey('ES256', { kid: 'login-1' })
  const tokens = new AccessTokenIssuer(key, issuer)
  const codes = new AuthorizationCodes()

  const metadata = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['code'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none'],
  }

  function authorize(query: URLSearchParams): Reply {
    const request = codes.open(query, redirectUris)
    return request === undefined ? refusal('invalid_request') : { status: 200, type: 'text/html', body: form(request) }
  }

  function login(fields: URLSearchParams): Reply {
    const isUser = fields.get('user') === user.name && isEqual(fields.get('password') ?? '', user.password)
    const location = isUser ? codes.signedIn(fields.get('request') ?? '', user.name) : undefined
    return location === undefined ? refusal('access_denied', 403) : { status: 303, location }
  }

  async function token(fields: URLSearchParams): Promise<Reply> {
    const given = fields.get('grant_type') === 'authorization_code' ? codes.redeem(fields) : undefined
    if (given === undefined) return refusal('invalid_grant')
    const { clientId, resource, scope } = given.request
    const now = Math.floor(Date.now() / 1000)
    const granted = scope.split(' ').filter((each) => scopes.includes(each))
    const accessToken = await tokens.issue({
      subject: given.user,
      audience: [resource],
      clientId,
      scopes: granted,
      issuedAt: now,
      expiresAt: now + TOKEN_SECONDS,
      id: randomUUID(),
      claims: { email: user.email },
    })
    const answer = {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: TOKEN_SECONDS,
      scope: granted.join(' '),
    }
    return { status: 200, body: JSON.stringify(answer) }
  }

  const answer = async (incoming: IncomingMessage): Promise<Reply> => {
    const url = new URL(incoming.url ?? '', issuer)
    switch (`${incoming.method} ${url.pathname}`) {
      case 'GET /.well-known/openid-configuration':
        return { status: 200, body: JSON.stringify(metadata) }
      case 'GET /jwks':
        return { status: 200, body: JSON.stringify({ keys: [{ ...key.publicJwk, use: 'sig' }] }) }
      case 'GET /authorize':
        return authorize(url.searchParams)
      case 'POST /login':
        return login(await readForm(incoming))
      case 'POST /token':
        return token(await readForm(incoming))
      default:
        return refusal('not_found', 404)
    }
  }

  const { cert, key: certificateKey } = certificate
  const server = createServer({ cert, key: certificateKey }, async (incoming, outgoing) => {
    const reply = await answer(incoming).catch(() => refusal('invalid_request'))
    const { status, type = JSON_TYPE, location, body } = reply
    const headers = {
      'content-type': type,
      'cache-control': 'no-store',
      // The rest of what was too large is not read for the sake of the next request.
      ...(incoming.complete ? {} : { connection: 'close' }),
      ...(location === undefined ? {} : { location }),
    }
    outgoing.writeHead(status, headers).end(body)
  })
  return server.listen(port, '127.0.0.1')
}

function refusal(error: string, status = 400): Reply {
  return { status, body: JSON.stringify({ error }) }
}

function form(request: string): string {
  return `<!doctype html>
<title>Sign in</title>
<form method="post" action="/login">
  <input type="hidden" name="request" value="${request}">
  <input name="user" autocomplete="username"> <input name="password" type="password" autocomplete="current-password">
  <button>Sign in</button>
</form>
`
}
