import { encodeBase64url } from '../encoding/base64url.ts'

/** A nonce is good in the window it was given in and the next one. */
const WINDOW_SECONDS = 120
const KEY_BYTES = 32

/** What nonces are made of: a backend that answers at once. */
export interface NonceCrypto {
  randomBytes(length: number): Uint8Array
  sha256Base64url(text: string): string
}

/**
 * Gives nonces and knows them again without remembering any: each is a keyed hash of its time. RFC 9449 section 8 leaves
 * their form to the server.
 *
 * The key is this object's own: a client whose next request meets another replica is asked for one of that replica's.
 */
export class DpopNonces {
  readonly #crypto: NonceCrypto
  readonly #key: string
  #current: { readonly window: number; readonly nonce: string } | undefined

  constructor(crypto: NonceCrypto) {
    this.#crypto = crypto
    this.#key = encodeBase64url(crypto.randomBytes(KEY_BYTES))
  }

  /** @param now seconds since the Unix epoch */
  current(now: number): string {
    const window = Math.floor(now / WINDOW_SECONDS)
    if (this.#current?.window !== window) this.#current = { window, nonce: this.#nonceOf(window) }
    return this.#current.nonce
  }

  accepts(nonce: string, now: number): boolean {
    const window = Math.floor(now / WINDOW_SECONDS)
    return isEqual(nonce, this.current(now)) || isEqual(nonce, this.#nonceOf(window - 1))
  }

  /** What follows the key has one form only: a hash that somebody extended is of no window. */
  #nonceOf(window: number): string {
    return this.#crypto.sha256Base64url(`${this.#key}\n${window}`)
  }
}

/** In a time that tells nothing of where the two differ. */
function isEqual(a: string, b: string): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let index = 0; index < a.length; index++) difference |= a.charCodeAt(index) ^ b.charCodeAt(index)
  return difference === 0
}
