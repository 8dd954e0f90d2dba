/** A response that goes out in place of a handler's. */
export interface Answer {
  readonly status: number
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[]
  readonly body: Uint8Array
}
