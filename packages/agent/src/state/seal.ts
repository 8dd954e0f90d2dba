import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const MAGIC = Buffer.from('CSSEAL01', 'latin1')
const CIPHER = 'aes-256-gcm'
const SALT_BYTES = 32
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** What sealed bytes are for, and whose they are. Bytes sealed for one place cannot be put into another. */
export interface SealContext {
  readonly purpose: string
  /** The agent's SPIFFE ID. */
  readonly owner: string
}

/**
 * Encrypts and authenticates what lies on a disk: AES-256-GCM (NIST SP 800-38D). Key and nonce are derived anew for each
 * sealing by HKDF-SHA-256 (RFC 5869) from 32 random octets, so that no number of sealings wears the key out or meets a
 * nonce twice.
 */
export class Seal {
  readonly #key: Uint8Array

  /** @param key secret, of at least 32 octets of entropy */
  constructor(key: Uint8Array) {
    this.#key = key
  }

  seal(plaintext: Uint8Array, context: SealContext): Uint8Array {
    const salt = randomBytes(SALT_BYTES)
    const { key, nonce } = this.#derive(salt)
    const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(associatedData(context))
    return Buffer.concat([MAGIC, salt, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
  }

  /** @returns `undefined` when the bytes were not sealed with this key for this purpose and owner, or were changed */
  unseal(sealed: Uint8Array, context: SealContext): Uint8Array | undefined {
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
    const begin = MAGIC.length + SALT_BYTES
    if (bytes.length < begin + TAG_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined
    const { key, nonce } = this.#derive(bytes.subarray(MAGIC.length, begin))
    const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
    decipher.setAAD(associatedData(context))
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
    try {
      return Buffer.concat([decipher.update(bytes.subarray(begin, -TAG_BYTES)), decipher.final()])
    } catch {
      return undefined
    }
  }

  #derive(salt: Uint8Array): { readonly key: Uint8Array; readonly nonce: Uint8Array } {
    const derived = new Uint8Array(hkdfSync('sha256', this.#key, salt, MAGIC, KEY_BYTES + NONCE_BYTES))
    return { key: derived.subarray(0, KEY_BYTES), nonce: derived.subarray(KEY_BYTES) }
  }
}

/** JSON, so that no purpose and owner together read as two others do. */
function associatedData({ purpose, owner }: SealContext): Uint8Array {
  return Buffer.from(JSON.stringify([MAGIC.toString('latin1'), purpose, owner]))
}
