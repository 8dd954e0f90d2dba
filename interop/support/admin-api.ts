import { request } from 'node:http'

const TIMEOUT_MS = 10_000

export type AdminMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** One call of a server's admin API. @throws Error for anything but a 2xx answer, in JSON or empty */
export function callAdminApi<T>(socketPath: string, method: AdminMethod, path: string, body?: unknown): Promise<T> {
  const payload = body === undefined ? undefined : JSON.stringify(body)
  const headers = { accept: 'application/json', ...(payload !== undefined && { 'content-type': 'application/json' }) }
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path, headers, agent: false, timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = []
      response.on('error', reject)
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        const status = response.statusCode ?? 0
        if (status < 200 || status >= 300) reject(new Error(`${method} ${path}: HTTP ${status} ${text}`))
        else resolve(text === '' ? (undefined as T) : JSON.parse(text))
      })
    })
    call.on('timeout', () => call.destroy(new Error(`${method} ${path}: no answer`)))
    call.on('error', reject)
    call.end(payload)
  })
}
