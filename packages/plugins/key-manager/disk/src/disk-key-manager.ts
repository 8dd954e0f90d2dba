import { join } from 'node:path'
import { type Clock, type KeyManager, KeyManagerError, type Logger, requireKeyName } from '@countersign/plugin-kit'
import type { SignatureAlgorithm, SigningKey } from '@countersign/protocol'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { corrupt, formatKeyFile, importKey, parseKeyFile } from './key-file.ts'
import { KeyFolder } from './key-folder.ts'
import { KeySecrets, type KeySecretsOptions } from './key-secrets.ts'
import { rewriteKeyFiles } from './rewrite-key-files.ts'

export interface DiskKeyManagerOptions {
  readonly dataDir: string
  readonly clock: Clock
  readonly log: Logger
  /** What the files are encrypted under; default: nothing. */
  readonly secrets?: KeySecretsOptions
  /** User id that must own the keys; default: the one this process acts as. */
  readonly owner?: number
}

/** Keys as files in `<dataDir>/keys` that only their owner can read. Kept in memory only by whoever asked for them. */
export class DiskKeyManager implements KeyManager {
  readonly #folder: KeyFolder
  readonly #secrets: KeySecrets
  readonly #clock: Clock
  readonly #log: Logger

  /**
   * Opens the folder, and has every file encrypted as the secrets say.
   *
   * @throws KeyManagerError `ERR_KEY_MANAGER_PERMISSIONS` when others can reach the folder or a key in it
   * @throws KeyManagerError `ERR_KEY_MANAGER_PASSPHRASE`, `ERR_KEY_MANAGER_ENCRYPTED`; then nothing was written
   */
  constructor(options: DiskKeyManagerOptions) {
    this.#folder = new KeyFolder(join(options.dataDir, 'keys'), options.owner ?? effectiveUser())
    this.#secrets = new KeySecrets(options.secrets ?? {})
    this.#clock = options.clock
    this.#log = options.log
    rewriteKeyFiles(this.#folder, this.#secrets, options.log)
  }

  async createKey(name: string, alg: SignatureAlgorithm): Promise<SigningKey> {
    requireKeyName(name)
    const key = generateSigningKey(alg, { kid: name })
    const content = { alg, kid: name, createdAt: this.#clock.now(), pkcs8: key.exportPkcs8() }
    await this.#folder.create(name, formatKeyFile(content, this.#secrets.current()))
    this.#log.info({ key: name, alg }, 'signing key created')
    return key
  }

  async getKey(name: string): Promise<SigningKey | undefined> {
    const bytes = await this.#folder.read(requireKeyName(name))
    if (bytes === undefined) return undefined
    const path = this.#folder.pathOf(name)
    const file = parseKeyFile(bytes, name, path)
    // Whoever can write to the folder, but does not know the secret, must not be able to put a key of their own there.
    if (file.version === 1 && this.#secrets.current() !== undefined) {
      throw corrupt(path, 'is not encrypted, as all files were at the start')
    }
    return importKey(this.#secrets.open(file, path), path)
  }

  listKeys(): Promise<readonly string[]> {
    return this.#folder.names()
  }

  async deleteKey(name: string): Promise<void> {
    await this.#folder.delete(requireKeyName(name))
    this.#log.info({ key: name }, 'signing key deleted')
  }
}

function effectiveUser(): number {
  const user = process.geteuid?.()
  if (user === undefined) {
    throw new KeyManagerError('ERR_KEY_MANAGER_PERMISSIONS', 'this platform cannot say who may read a file')
  }
  return user
}
