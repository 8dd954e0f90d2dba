import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Answer } from '../verification/answer.ts'

/** Sends a refusal through node's own response, in HTTP/1.1 or HTTP/2. */
export function sendAnswer(
  { status, rawHeaders, body }: Answer,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  // Something else, such as a timeout, may have answered while a policy was thinking.
  if (response.headersSent) return
  response.statusCode = status
  for (let index = 0; index < rawHeaders.length; index += 2) {
    response.setHeader(rawHeaders[index] as string, rawHeaders[index + 1] as string)
  }
  response.setHeader('content-length', body.length)
  response.end(body)
  // What is left of the body belongs to a request nobody will read.
  request.resume()
}
