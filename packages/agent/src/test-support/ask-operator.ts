import { request } from 'node:http'

export interface OperatorReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
  readonly body: any
}

/** One request to an agent's operator socket. */
export function askOperator(socketPath: string, path: string, method = 'GET', body?: string): Promise<OperatorReply> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, method, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: JSON.parse(text || 'null') })
      })
    })
    call.on('error', reject)
    call.end(body)
  })
}
