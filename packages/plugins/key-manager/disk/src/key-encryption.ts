/** Encrypts key files under a passphrase (scrypt, RFC 7914) or under the bytes of a key file (HKDF, RFC 5869). */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, scryptSync, timingSafeEqual } from 'node:crypto'

/** What keys are encrypted under. */
export interface KeySecret {
  readonly kind: 'passphrase' | 'key file'
  readonly bytes: Uint8Array
}

/** How the secret becomes a key. Everything but the secret itself; stored beside what was encrypted. */
export type KeyDerivation =
  | { readonly kdf: 'scrypt'; readonly n: number; readonly r: 8; readonly p: 1; readonly salt: string }
  | { readonly kdf: 'hkdf-sha256'; readonly salt: string }

export interface Sealed {
  /** Base64, 12 bytes; as `ciphertext`, which ends with the 16 bytes of the tag. */
  readonly nonce: string
  readonly ciphertext: string
}

/** 128 MiB and some 300 ms for each guess. */
export const SCRYPT_N = 2 ** 17
/** What is accepted from a file: it could otherwise ask for any amount of memory, or for next to none. */
export const MIN_SCRYPT_N = 2 ** 14
export const MAX_SCRYPT_N = 2 ** 20

const SALT_BYTES = 16
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const CIPHER = 'aes-256-gcm'

export function newDerivation(kind: KeySecret['kind'], n = SCRYPT_N): KeyDerivation {
  const salt = randomBytes(SALT_BYTES).toString('base64')
  return kind === 'passphrase' ? { kdf: 'scrypt', n, r: 8, p: 1, salt } : { kdf: 'hkdf-sha256', salt }
}

/** Whether a derivation is one for this kind of secret; another kind cannot have made it. */
export function isDerivationFor(kind: KeySecret['kind'], { kdf }: KeyDerivation): boolean {
  return kdf === (kind === 'passphrase' ? 'scrypt' : 'hkdf-sha256')
}

/** A key that was derived once, for all files with the same derivation. */
export class FileKey {
  readonly derivation: KeyDerivation
  /** Tells a wrong secret from a damaged file. Says no more about the secret than the ciphertext does. */
  readonly check: string
  readonly #key: Uint8Array

  constructor(secret: KeySecret, derivation: KeyDerivation) {
    this.derivation = derivation
    const main = derive(secret.bytes, derivation)
    this.#key = expand(main, 'countersign key file encryption', KEY_BYTES)
    this.check = Buffer.from(expand(main, 'countersign key file check', SALT_BYTES)).toString('base64')
    main.fill(0)
  }

  hasCheck(check: string): boolean {
    const [ours, theirs] = [Buffer.from(this.check), Buffer.from(check)]
    return ours.length === theirs.length && timingSafeEqual(ours, theirs)
  }

  /** @param associated what else must not be changed, as the name of the key */
  seal(plaintext: Uint8Array, associated: string): Sealed {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(CIPHER, this.#key, nonce)
    cipher.setAAD(Buffer.from(associated))
    const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
    return { nonce: nonce.toString('base64'), ciphertext: ciphertext.toString('base64') }
  }

  /** @returns `undefined` when anything was changed */
  open({ nonce, ciphertext }: Sealed, associated: string): Uint8Array | undefined {
    const [iv, bytes] = [Buffer.from(nonce, 'base64'), Buffer.from(ciphertext, 'base64')]
    if (iv.length !== NONCE_BYTES || bytes.length < TAG_BYTES) return undefined
    const decipher = createDecipheriv(CIPHER, this.#key, iv, { authTagLength: TAG_BYTES })
    decipher.setAAD(Buffer.from(associated))
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
    try {
      return Buffer.concat([decipher.update(bytes.subarray(0, bytes.length - TAG_BYTES)), decipher.final()])
    } catch {
      return undefined
    }
  }
}

function derive(secret: Uint8Array, derivation: KeyDerivation): Uint8Array {
  const salt = Buffer.from(derivation.salt, 'base64')
  if (derivation.kdf === 'hkdf-sha256') {
    return new Uint8Array(hkdfSync('sha256', secret, salt, 'countersign key file', KEY_BYTES))
  }
  const { n: N, r, p } = derivation
  return scryptSync(secret, salt, KEY_BYTES, { N, r, p, maxmem: 256 * N * r })
}

function expand(main: Uint8Array, info: string, bytes: number): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', main, new Uint8Array(), info, bytes))
}
