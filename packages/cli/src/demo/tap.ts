import { createServer, request as httpRequest, type Server } from 'node:http'
import { buffer } from 'node:stream/consumers'

/** A request as it went over the wire. */
export interface CapturedRequest {
  readonly method: string
  readonly target: string
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
}

/**
 * Somebody on the path between two services: passes every request on unchanged, and keeps a copy. This is the attacker
 * whom bearer tokens cannot withstand.
 */
export class Tap {
  readonly captured: CapturedRequest[] = []
  readonly #server: Server

  constructor(port: number, forwardTo: number) {
    this.#server = createServer(async (incoming, outgoing) => {
      const body = await buffer(incoming)
      const { method = '', url = '', rawHeaders } = incoming
      this.captured.push({ method, target: url, rawHeaders: [...rawHeaders], body })
      const forward = httpRequest(
        { host: '127.0.0.1', port: forwardTo, method, path: url, headers: rawHeaders },
        (answer) => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
          answer.pipe(outgoing)
        },
      )
      forward.once('error', () => {
        if (!outgoing.headersSent) outgoing.writeHead(502)
        outgoing.end()
      })
      forward.end(body)
    }).listen(port, '127.0.0.1')
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

/** What a service answered: its status, and the code of its problem document if it refused. */
export interface AttackAnswer {
  readonly status: number
  readonly code: string | undefined
}

/** Sends a request byte for byte as given, repeated fields included. */
export function send(port: number, captured: CapturedRequest): Promise<AttackAnswer> {
  return new Promise((resolve, reject) => {
    const { method, target, rawHeaders, body } = captured
    const outgoing = httpRequest(
      { host: '127.0.0.1', port, method, path: target, headers: rawHeaders, timeout: 10_000 },
      async (answer) => {
        const text = (await buffer(answer)).toString()
        resolve({ status: answer.statusCode ?? 0, code: codeOf(text) })
      },
    )
    outgoing.once('error', reject)
    outgoing.once('timeout', () => outgoing.destroy(new Error('no answer in time')))
    outgoing.end(body)
  })
}

/** The captured request with some fields replaced; `undefined` takes one away. */
export function withFields(
  captured: CapturedRequest,
  fields: Readonly<Record<string, string | undefined>>,
): CapturedRequest {
  const rawHeaders: string[] = []
  for (let index = 0; index + 1 < captured.rawHeaders.length; index += 2) {
    const name = captured.rawHeaders[index] as string
    const replaced = Object.hasOwn(fields, name.toLowerCase())
    const value = replaced ? fields[name.toLowerCase()] : captured.rawHeaders[index + 1]
    if (value !== undefined) rawHeaders.push(name, value)
  }
  return { ...captured, rawHeaders }
}

export function fieldOf(captured: CapturedRequest, name: string): string {
  const index = captured.rawHeaders.findIndex((item, position) => position % 2 === 0 && item.toLowerCase() === name)
  const value = captured.rawHeaders[index + 1]
  if (index === -1 || value === undefined) throw new TypeError(`captured request has no field "${name}"`)
  return value
}

function codeOf(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { code?: string }).code
  } catch {
    return undefined
  }
}
