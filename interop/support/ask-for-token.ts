import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { json } from 'node:stream/consumers'

export interface TokenReply {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
  /** `granted`, or status and OAuth error. */
  readonly verdict: string
}

/**
 * Posts a form to a token endpoint.
 *
 * @param rootFile PEM root of its certificate; none for an endpoint without TLS
 */
export async function askForToken(
  url: string,
  form: Readonly<Record<string, string>>,
  rootFile?: string,
): Promise<TokenReply> {
  const body = new URLSearchParams(form).toString()
  const { status, answer } = rootFile === undefined ? await overHttp(url, body) : await overTls(url, body, rootFile)
  const verdict = status === 200 ? 'granted' : `${status} ${answer['error']}`
  return { status, body: answer, verdict }
}

/** The form of `client_credentials` with an assertion. */
export const credentialsForm = (assertion: string, type = 'jwt-bearer') => ({
  grant_type: 'client_credentials',
  client_assertion_type: `urn:ietf:params:oauth:client-assertion-type:${type}`,
  client_assertion: assertion,
})

const HEADERS = { 'content-type': 'application/x-www-form-urlencoded' }

async function overHttp(url: string, body: string) {
  const response = await fetch(url, { method: 'POST', body, headers: HEADERS })
  return { status: response.status, answer: (await response.json()) as Record<string, unknown> }
}

async function overTls(url: string, body: string, rootFile: string) {
  const ca = await readFile(rootFile)
  return new Promise<{ status: number; answer: Record<string, unknown> }>((resolve, reject) => {
    const outgoing = request(url, { method: 'POST', headers: HEADERS, ca, agent: false }, (response) => {
      json(response).then(
        (answer) => resolve({ status: response.statusCode ?? 0, answer: answer as Record<string, unknown> }),
        reject,
      )
    })
    outgoing.once('error', reject)
    outgoing.end(body)
  })
}
