import type { JsonObject } from '../encoding/strict-json.ts'
import type { VerificationKey } from '../keys/crypto-backend.ts'
import type { PublicJwk } from '../keys/public-jwk.ts'

const CAPACITY = 4096
/** All values of a key of the largest kind, with room for its names. */
const MAX_CHARACTERS = 4096

/** The key that a credential confirms: checked, and imported for its one algorithm. */
export interface Confirmation {
  readonly jwk: PublicJwk
  readonly key: VerificationKey
}

interface Entry {
  readonly names: readonly string[]
  readonly values: readonly unknown[]
  readonly confirmation: Confirmation
}

/**
 * Remembers confirmation keys by everything that their JWK said, member for member and in order: a workload keeps its key
 * over several WITs. A JWK that differs in anything, even in a member that is not read, is checked anew. It depends on
 * nothing but the JWK, so neither times nor trust can make it untrue. Bounded: emptied when full.
 */
export class ConfirmationMemo {
  readonly #entries = new Map<unknown, Entry>()

  get(jwk: JsonObject): Confirmation | undefined {
    const entry = this.#entries.get(distinctiveValue(jwk))
    return entry !== undefined && saysTheSame(entry, jwk) ? entry.confirmation : undefined
  }

  /**
   * @param jwk as parsed; what it says is copied, since it is handed out with the claims
   * @param confirmation of a credential whose signature was right, so that nobody fills the memory with inventions
   */
  remember(jwk: JsonObject, confirmation: Confirmation): void {
    const names = Object.keys(jwk)
    const values = Object.values(jwk)
    if (values.some((value) => typeof value !== 'string')) return
    if ([...names, ...values].join('').length > MAX_CHARACTERS) return
    if (this.#entries.size >= CAPACITY) this.#entries.clear()
    Object.freeze(confirmation.jwk)
    this.#entries.set(distinctiveValue(jwk), { names, values, confirmation: Object.freeze(confirmation) })
  }
}

/** Tells keys apart well enough to look one up: most have another one. */
function distinctiveValue(jwk: JsonObject): unknown {
  return jwk['x'] ?? jwk['n'] ?? jwk['pub']
}

function saysTheSame({ names, values }: Entry, jwk: JsonObject): boolean {
  const found = Object.keys(jwk)
  if (found.length !== names.length) return false
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string
    if (found[index] !== name || jwk[name] !== values[index]) return false
  }
  return true
}
