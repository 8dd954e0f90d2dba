import type { HttpRequest, HttpResponse } from './http-message.ts'
import type { MessageFields } from './message-fields.ts'

/** A message and its fields, read once. */
export interface ReadRequest {
  readonly message: HttpRequest
  readonly fields: MessageFields
}

export interface ReadResponse {
  readonly message: HttpResponse
  readonly fields: MessageFields
}

/** Whose values a signature base takes: of a request alone, or of a response and the request it answers. */
export type SignedExchange =
  | { readonly request: ReadRequest; readonly response?: undefined }
  | { readonly request: ReadRequest; readonly response: ReadResponse }
