import type { HttpRequest, HttpResponse } from '@countersign/protocol'
import { encodeUtf8 } from '@countersign/protocol'
import { parseRawHeaders, parseRequest } from './request.ts'
import { optional, requireNumber, requireObject, requireString } from './shape.ts'

/** A case's whole request. Scheme and authority are what the wire said. */
export function parseHttpRequest(value: unknown, place: string): HttpRequest {
  const request = requireObject(value, place)
  return {
    ...parseRequest(value, place),
    method: requireString(request['method'], `${place}.method`),
    scheme: requireString(request['scheme'], `${place}.scheme`),
    authority: requireString(request['authority'], `${place}.authority`),
    ...parseBody(request['body'], `${place}.body`),
  }
}

export function parseHttpResponse(value: unknown, place: string): HttpResponse {
  const response = requireObject(value, place)
  return {
    status: requireNumber(response['status'], `${place}.status`),
    rawHeaders: parseRawHeaders(response['headers'], `${place}.headers`),
    ...parseBody(response['body'], `${place}.body`),
  }
}

function parseBody(value: unknown, place: string): { readonly body?: Uint8Array } {
  const body = optional(value, place, requireString)
  return body === undefined ? {} : { body: encodeUtf8(body) }
}
