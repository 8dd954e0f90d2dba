import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** A nonce is good in the window it was given in and the next one. */
const WINDOW_SECONDS = 120

/**
 * Gives nonces and knows them again without remembering any: each is a MAC of its time. RFC 9449 section 8 leaves their
 * form to the server.
 *
 * The key is this process's own: a client whose next request meets another server is asked for one of that server's.
 */
export class DpopNonces {
  readonly #key = randomBytes(32)
  #current: { readonly window: number; readonly nonce: string } | undefined

  /** @param now seconds since the epoch */
  current(now: number): string {
    const window = Math.floor(now / WINDOW_SECONDS)
    if (this.#current?.window !== window) this.#current = { window, nonce: this.#nonceOf(window) }
    return this.#current.nonce
  }

  accepts(nonce: string, now: number): boolean {
    const window = Math.floor(now / WINDOW_SECONDS)
    return isEqual(nonce, this.current(now)) || isEqual(nonce, this.#nonceOf(window - 1))
  }

  #nonceOf(window: number): string {
    return createHmac('sha256', this.#key).update(String(window)).digest('base64url')
  }
}

function isEqual(a: string, b: string): boolean {
  const left = Buffer.from(a)
  const right = Buffer.from(b)
  return left.length === right.length && timingSafeEqual(left, right)
}
