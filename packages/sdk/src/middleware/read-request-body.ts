import { RequestError } from '@countersign/protocol'
import { readWebBody } from '../presentation/read-web-body.ts'

/** @throws RequestError `ERR_REQUEST_BODY_TOO_LARGE`, `ERR_REQUEST_BODY_UNREADABLE` */
export async function readRequestBody(request: Request, maxBytes: number): Promise<Uint8Array> {
  if (request.bodyUsed) {
    throw new RequestError('ERR_REQUEST_BODY_UNREADABLE', 'request content was read before it was verified')
  }
  let body: Uint8Array | undefined
  try {
    body = await readWebBody(request.body, maxBytes)
  } catch (cause) {
    throw new RequestError('ERR_REQUEST_BODY_UNREADABLE', 'request content ended too early', { cause })
  }
  if (body !== undefined) return body
  throw new RequestError('ERR_REQUEST_BODY_TOO_LARGE', `signed content is larger than ${maxBytes} bytes`)
}
