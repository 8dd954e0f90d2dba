import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'
import { DemoError } from '../demo-error.ts'

export interface Application {
  readonly clientId: string
  readonly redirectUri: string
  readonly scope: string
  /** Whom the access token is for. */
  readonly resource: string
}

export interface Person {
  readonly name: string
  readonly password: string
}

interface Answer {
  readonly status: number
  readonly location: string | undefined
  readonly body: string
}

const TIMEOUT_MS = 10_000

/**
 * What application and browser do together: authorization code with PKCE, through the login form.
 *
 * @param rootFile PEM root of the login server
 * @returns the access token
 * @throws DemoError `ERR_DEMO_PROGRAM_FAILED`
 */
export async function signIn(
  issuer: string,
  rootFile: string,
  { clientId, redirectUri, scope, resource }: Application,
  person: Person,
): Promise<string> {
  const call = caller(rootFile)
  const metadata = JSON.parse((await call(`${issuer}/.well-known/openid-configuration`)).body) as Record<string, string>
  const [verifier, state] = [randomBytes(32).toString('base64url'), randomBytes(16).toString('base64url')]
  const authorization = new URL(metadata['authorization_endpoint'] ?? '')
  authorization.search = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    scope,
    resource,
    state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  }).toString()
  const page = await call(authorization.href)
  const [, action = ''] = / action="([^"]+)"/.exec(page.body) ?? []
  const [, pending = ''] = / name="request" value="([^"]+)"/.exec(page.body) ?? []
  const fields = { request: pending, user: person.name, password: person.password }
  const { location = '' } = await call(new URL(action, authorization).href, fields)
  const callback = URL.parse(location)?.searchParams
  if (callback?.get('state') !== state) throw failed('the browser did not come back from the login form')
  const { status, body } = await call(metadata['token_endpoint'] ?? '', {
    grant_type: 'authorization_code',
    code: callback.get('code') ?? '',
    code_verifier: verifier,
    client_id: clientId,
    redirect_uri: redirectUri,
  })
  if (status !== 200) throw failed(`the login server answered ${status}`)
  return (JSON.parse(body) as { access_token: string }).access_token
}

function failed(reason: string): DemoError {
  return new DemoError('ERR_DEMO_PROGRAM_FAILED', `nobody could sign in: ${reason}`)
}

function caller(rootFile: string) {
  const ca = readFileSync(rootFile)
  return (url: string, fields?: Readonly<Record<string, string>>): Promise<Answer> => {
    const form = fields === undefined ? undefined : new URLSearchParams(fields).toString()
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const method = form === undefined ? { method: 'GET' } : { method: 'POST', headers }
    return new Promise((resolve, reject) => {
      const outgoing = request(url, { ca, agent: false, timeout: TIMEOUT_MS, ...method }, async (answer) => {
        const { statusCode: status = 0, headers: fieldsOf } = answer
        resolve({ status, location: fieldsOf.location, body: await text(answer) })
      })
      outgoing.once('timeout', () => outgoing.destroy(failed('no answer in time')))
      outgoing.once('error', reject)
      outgoing.end(form)
    })
  }
}
