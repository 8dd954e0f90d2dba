import { type KeyManager, KeyManagerError, requireKeyName } from '@countersign/plugin-kit'
import type { SignatureAlgorithm, SigningKey } from '@countersign/protocol'
import { generateSigningKey } from '@countersign/protocol/keys-node'

/** Keys in the memory of this process and nowhere else: they end with it. */
export class MemoryKeyManager implements KeyManager {
  readonly #keys = new Map<string, SigningKey>()

  async createKey(name: string, alg: SignatureAlgorithm): Promise<SigningKey> {
    requireKeyName(name)
    if (this.#keys.has(name)) throw new KeyManagerError('ERR_KEY_MANAGER_EXISTS', `key "${name}" exists`)
    const key = generateSigningKey(alg, { kid: name })
    this.#keys.set(name, key)
    return key
  }

  async getKey(name: string): Promise<SigningKey | undefined> {
    return this.#keys.get(requireKeyName(name))
  }

  async listKeys(): Promise<readonly string[]> {
    return [...this.#keys.keys()].sort()
  }

  async deleteKey(name: string): Promise<void> {
    this.#keys.delete(requireKeyName(name))
  }
}
