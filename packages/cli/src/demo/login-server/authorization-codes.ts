import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/** What a browser was sent with. RFC 6749 section 4.1.1, RFC 7636 section 4.3, RFC 8707 section 2.1 */
export interface AuthorizationRequest {
  readonly clientId: string
  readonly redirectUri: string
  readonly scope: string
  readonly state: string
  readonly codeChallenge: string
  readonly resource: string
}

/** A code that was given out, and for whom. */
interface GivenCode {
  readonly request: AuthorizationRequest
  readonly user: string
}

const MAX_OPEN = 100

/** Requests that wait for a login, and codes that wait for their client. Each is good once. */
export class AuthorizationCodes {
  readonly #requests = new Map<string, AuthorizationRequest>()
  readonly #codes = new Map<string, GivenCode>()

  /** @returns the name under which the login form comes back; `undefined` for a request that cannot be meant */
  open(query: URLSearchParams, redirectUris: readonly string[]): string | undefined {
    const text = (name: string) => query.get(name) ?? ''
    const request = {
      clientId: text('client_id'),
      redirectUri: text('redirect_uri'),
      scope: text('scope'),
      state: text('state'),
      codeChallenge: text('code_challenge'),
      resource: text('resource'),
    }
    const isMeant =
      text('response_type') === 'code' &&
      text('code_challenge_method') === 'S256' &&
      redirectUris.includes(request.redirectUri) &&
      Object.values(request).every((value) => value !== '')
    return isMeant ? keep(this.#requests, request) : undefined
  }

  /** @returns where the browser goes next; `undefined` for a form that nobody asked for */
  signedIn(name: string, user: string): string | undefined {
    const request = take(this.#requests, name)
    if (request === undefined) return undefined
    const next = new URL(request.redirectUri)
    next.searchParams.set('code', keep(this.#codes, { request, user }))
    next.searchParams.set('state', request.state)
    return next.href
  }

  /** @returns `undefined` for a code that is not this client's, or whose verifier is another one */
  redeem(form: URLSearchParams): GivenCode | undefined {
    const given = take(this.#codes, form.get('code') ?? '')
    if (given === undefined) return undefined
    const { clientId, redirectUri, codeChallenge } = given.request
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    const isTheirs = form.get('client_id') === clientId && form.get('redirect_uri') === redirectUri
    return isTheirs && isEqual(challenge, codeChallenge) ? given : undefined
  }
}

/** Whether two secrets are the same, in time that says nothing of them. */
export function isEqual(a: string, b: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(a), hash(b))
}

function keep<T>(values: Map<string, T>, value: T): string {
  const [oldest] = values.keys()
  if (values.size >= MAX_OPEN && oldest !== undefined) values.delete(oldest)
  const name = randomBytes(16).toString('base64url')
  values.set(name, value)
  return name
}

function take<T>(values: Map<string, T>, name: string): T | undefined {
  const value = values.get(name)
  values.delete(name)
  return value
}
