import { request as httpRequest, type IncomingMessage } from 'node:http'
import { AdminSocketError, socketError } from './admin-socket-error.ts'
import { readAnswer } from './read-answer.ts'

const MAX_PROBLEM_BYTES = 65_536

/**
 * An answer of any size, as it comes in. One that is cut short fails while it is read.
 *
 * @param patienceSeconds between two pieces, and before the first
 * @throws AdminSocketError `ERR_ADMIN_SOCKET_*`; AdminProblem for a refusal
 */
export async function download(
  socketPath: string,
  path: string,
  patienceSeconds: number,
): Promise<AsyncIterable<Buffer>> {
  const response = await open(socketPath, path, patienceSeconds)
  if (response.statusCode === 200) return bodyOf(socketPath, response)
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of bodyOf(socketPath, response)) {
    size += piece.length
    if (size <= MAX_PROBLEM_BYTES) pieces.push(piece)
  }
  readAnswer({ status: response.statusCode ?? 0, body: Buffer.concat(pieces).toString() })
  throw new AdminSocketError('ERR_ADMIN_SOCKET_ANSWER', 'answer on the admin socket is not a backup')
}

function open(socketPath: string, path: string, patienceSeconds: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, path, agent: false, timeout: patienceSeconds * 1000 })
    request.on('timeout', () =>
      request.destroy(new AdminSocketError('ERR_ADMIN_SOCKET_TIMEOUT', `no answer within ${patienceSeconds} seconds`)),
    )
    request.on('response', resolve)
    request.on('error', (error) => reject(asSocketError(socketPath, error)))
    request.end()
  })
}

async function* bodyOf(socketPath: string, response: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    for await (const piece of response) yield piece as Buffer
  } catch (error) {
    throw asSocketError(socketPath, error as Error)
  }
}

function asSocketError(socketPath: string, error: Error): Error {
  return error instanceof AdminSocketError ? error : socketError(socketPath, error)
}
