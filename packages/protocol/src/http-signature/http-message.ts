/**
 * An HTTP request to sign or to verify.
 *
 * Scheme and authority take part only where a signature covers them; whom a request is meant for is never read from them.
 */
export interface HttpRequest {
  readonly method: string
  /** The request target as it is on the wire, `:path` in HTTP/2. */
  readonly target: string
  /** Names and values in turn, in order, repetitions kept: node's `rawHeaders`. */
  readonly rawHeaders: readonly string[]
  /** The content as transferred. Absent and empty mean the same: none. */
  readonly body?: Uint8Array
  readonly scheme?: string
  /** Default: the `Host` field. */
  readonly authority?: string
}

export interface HttpResponse {
  readonly status: number
  readonly rawHeaders: readonly string[]
  readonly body?: Uint8Array
}
