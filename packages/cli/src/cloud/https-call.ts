import { request } from 'node:https'
import { CloudError } from './cloud-error.ts'

export interface HttpsCall {
  readonly url: URL
  /** Sent as a form by POST; without it, GET. */
  readonly form?: URLSearchParams
  /** PEM of the only roots to believe; the roots of Node when left out. */
  readonly roots?: string | undefined
}

export interface HttpsAnswer {
  readonly status: number
  readonly body: string
}

const TIMEOUT_MS = 15_000
/** Far above any answer of a token endpoint, and of a key set. */
const MAX_BODY_BYTES = 512 * 1024

/**
 * One HTTPS request. Redirects are not followed: a token goes where it was meant to go. The agent is Node's own, which goes through
 * a proxy where `NODE_USE_ENV_PROXY` says so.
 *
 * @throws CloudError `ERR_CLOUD_UNREACHABLE`, `ERR_CLOUD_ANSWER` for one that is too long
 */
export function callHttps({ url, form, roots }: HttpsCall): Promise<HttpsAnswer> {
  const body = form?.toString()
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) =>
      reject(
        error instanceof CloudError
          ? error
          : new CloudError('ERR_CLOUD_UNREACHABLE', `${url.origin} cannot be reached`, {
              cause: error,
              detail: error.code ?? error.name,
            }),
      )
    const call = request(url, {
      method: body === undefined ? 'GET' : 'POST',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(roots === undefined ? {} : { ca: roots }),
      headers: {
        connection: 'close',
        ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }),
      },
    })
    call.once('error', fail)
    call.once('response', (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > MAX_BODY_BYTES) {
          call.destroy(new CloudError('ERR_CLOUD_ANSWER', `${url.origin} answers more than ${MAX_BODY_BYTES} bytes`))
        } else chunks.push(chunk)
      })
      response.once('error', fail)
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
      )
    })
    call.end(body)
  })
}
