import type { SignatureAlgorithm, SigningKey } from '@countersign/protocol'

/**
 * Holds a server's signing keys; private keys never leave it.
 *
 * - `createKey` with a name that exists is refused (`ERR_KEY_MANAGER_EXISTS`): a name has one meaning for ever.
 * - `createKey` with an algorithm that the keys' place does not have is refused (`ERR_KEY_MANAGER_ALGORITHM`).
 * - A key that was returned survives a crash at any later instant, unless the plugin documents otherwise (memory).
 * - Names match `[a-z0-9][a-z0-9._-]{0,127}` (`ERR_KEY_MANAGER_NAME`, see `requireKeyName`); a key's `kid` is its name.
 * - `getKey` of an unknown name is `undefined`; `deleteKey` of an unknown name does nothing.
 * - Calls may overlap, and another manager may have the same keys open.
 */
export interface KeyManager {
  createKey(name: string, alg: SignatureAlgorithm): Promise<SigningKey>
  getKey(name: string): Promise<SigningKey | undefined>
  listKeys(): Promise<readonly string[]>
  deleteKey(name: string): Promise<void>
  /**
   * True when the keys' place does not belong to one data folder alone, as a hardware token does not: then a key that this
   * server knows nothing about may be another's, or its own from before its data folder was lost, and is never deleted
   * unasked.
   */
  readonly isShared?: boolean
  /** Gives back what is held open. No key can be used afterwards. */
  close?(): Promise<void>
}
