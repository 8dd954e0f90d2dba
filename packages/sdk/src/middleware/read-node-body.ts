import type { IncomingMessage } from 'node:http'
import { RequestError } from '@countersign/protocol'

/** The parts of a request that HTTP/1.1 and HTTP/2 share. `stream` is there in HTTP/2 alone. */
export type NodeRequest = IncomingMessage & { readonly stream?: { readonly readableEnded: boolean } }

/**
 * Reads the whole content of a request and puts it back, so that whoever comes next finds it unread.
 *
 * Putting back works until the stream has told its end, so the last chunk is put back in the very turn that took it.
 *
 * @throws RequestError `ERR_REQUEST_BODY_TOO_LARGE`, `ERR_REQUEST_BODY_UNREADABLE` when it was read by others before, or
 *   the sender went away
 */
export function readNodeBody(request: NodeRequest, maxBytes: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const settle = (outcome: () => void) => {
      request.off('readable', onReadable).off('error', onLost).off('close', onLost).off('end', onEnd)
      // Removing the listener takes effect in the next tick; before that, nobody else could let the stream flow.
      process.nextTick(outcome)
    }
    const onLost = () =>
      settle(() => reject(new RequestError('ERR_REQUEST_BODY_UNREADABLE', 'request content ended too early')))
    const onEnd = () => settle(() => resolve(Buffer.concat(chunks, size)))
    const onReadable = () => {
      for (let chunk = request.read(); chunk !== null; chunk = request.read()) {
        chunks.push(chunk)
        size += chunk.length
        if (size > maxBytes) {
          return settle(() =>
            reject(new RequestError('ERR_REQUEST_BODY_TOO_LARGE', `signed content is larger than ${maxBytes} bytes`)),
          )
        }
      }
      if (size === 0 || !isWhole(request)) return
      const body = Buffer.concat(chunks, size)
      request.unshift(body)
      settle(() => resolve(body))
    }
    if (request.readableDidRead) {
      return reject(new RequestError('ERR_REQUEST_BODY_UNREADABLE', 'request content was read before it was verified'))
    }
    if (request.destroyed && !request.complete) return onLost()
    request.on('readable', onReadable).on('error', onLost).on('close', onLost).on('end', onEnd)
  })
}

/** Whether all of the content has come. */
function isWhole(request: NodeRequest): boolean {
  return request.stream === undefined ? request.complete : request.stream.readableEnded
}
