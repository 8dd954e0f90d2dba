import { createServer } from 'node:http'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { temporaryFolder } from './temporary-folder.ts'

export interface RecordedRequest {
  readonly method: string
  readonly url: string
  readonly body: unknown
}

export interface PreparedAnswer {
  readonly status?: number
  /** Sent as JSON; a string is sent as it is. */
  readonly body?: unknown
}

export interface AdminServer {
  readonly socketPath: string
  readonly requests: readonly RecordedRequest[]
}

/** A real HTTP server on a Unix socket that answers `METHOD /path` as prepared and records what it was asked. */
export async function startAdminServer(answers: Readonly<Record<string, PreparedAnswer>>): Promise<AdminServer> {
  const requests: RecordedRequest[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString()
    const { method = '', url = '' } = request
    requests.push({ method, url, body: text === '' ? undefined : JSON.parse(text) })
    const { status = 200, body } = answers[`${method} ${url}`] ?? {
      status: 404,
      body: { type: 'about:blank', title: 'no such thing', status: 404, code: 'ERR_REGISTRATION_NOT_FOUND' },
    }
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body))
  })
  const socketPath = join(await temporaryFolder(), 'admin.sock')
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  )
  return { socketPath, requests }
}
