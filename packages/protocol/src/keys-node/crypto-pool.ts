import { setImmediate } from 'node:timers'
import type { CryptoBackend, Eventual, SigningKey, VerificationKey } from '../keys/crypto-backend.ts'
import { type NodeVerificationKey, nodeCrypto } from './node-crypto.ts'

export interface CryptoPoolOptions {
  /** Signatures made and verified at once in one turn of the event loop, while the pool has none: a request or so. */
  readonly atOnce?: number
}

/**
 * Signatures on the threads of Node's pool, when there are many. One that goes there costs up to twice as much processor time
 * when it is alone, and a tenth more among others; a process that serves many requests at once uses all processors, and
 * answers nobody late because another one's signature is just being verified.
 */
export class CryptoPool {
  /** {@link nodeCrypto} with keys that verify so. */
  readonly crypto: CryptoBackend
  readonly #atOnce: number
  readonly #signing = new WeakMap<SigningKey, SigningKey>()
  #inPool = 0
  #thisTurn = 0

  constructor({ atOnce = 3 }: CryptoPoolOptions = {}) {
    this.#atOnce = atOnce
    this.crypto = {
      ...nodeCrypto,
      importPublicJwk: (jwk, alg) => this.#verifying(nodeCrypto.importPublicJwk(jwk, alg)),
      importSpki: (spki, alg) => this.#verifying(nodeCrypto.importSpki(spki, alg)),
    }
  }

  /** A key that signs so, where it can. The same object for the same key. */
  signingKey(key: SigningKey): SigningKey {
    const { alg, publicJwk, signInPool } = key
    if (signInPool === undefined) return key
    const known = this.#signing.get(key)
    if (known !== undefined) return known
    const made: SigningKey = {
      alg,
      publicJwk,
      sign: (data) => (this.#isBusy() ? this.#counted(signInPool.call(key, data)) : key.sign(data)),
    }
    this.#signing.set(key, made)
    return made
  }

  #verifying(key: NodeVerificationKey): VerificationKey {
    return {
      alg: key.alg,
      verify: (data, signature): Eventual<boolean> =>
        this.#isBusy() ? this.#counted(key.verifyInPool(data, signature)) : key.verify(data, signature),
    }
  }

  /** Whether more is asked for than was done in this turn, or the pool still has something. */
  #isBusy(): boolean {
    if (this.#inPool > 0 || this.#thisTurn >= this.#atOnce) return true
    if (this.#thisTurn === 0) {
      setImmediate(() => {
        this.#thisTurn = 0
      })
    }
    this.#thisTurn += 1
    return false
  }

  #counted<T>(work: Promise<T>): Promise<T> {
    this.#inPool += 1
    const done = () => {
      this.#inPool -= 1
    }
    work.then(done, done)
    return work
  }
}
