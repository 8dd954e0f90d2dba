import { join } from 'node:path'
import { type Clock, type KeyManager, KeyManagerError, type Logger, requireKeyName } from '@countersign/plugin-kit'
import type { SignatureAlgorithm, SigningKey } from '@countersign/protocol'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { formatKeyFile, parseKeyFile } from './key-file.ts'
import { KeyFolder } from './key-folder.ts'

export interface DiskKeyManagerOptions {
  readonly dataDir: string
  readonly clock: Clock
  readonly log: Logger
  /** User id that must own the keys; default: the one this process acts as. */
  readonly owner?: number
}

const FOLDER = 'keys'

/** Keys as files in `<dataDir>/keys` that only their owner can read. Kept in memory only by whoever asked for them. */
export class DiskKeyManager implements KeyManager {
  readonly #folder: KeyFolder
  readonly #clock: Clock
  readonly #log: Logger

  /** @throws KeyManagerError `ERR_KEY_MANAGER_PERMISSIONS` when others can reach the folder or a key in it */
  constructor(options: DiskKeyManagerOptions) {
    this.#folder = new KeyFolder(join(options.dataDir, FOLDER), options.owner ?? effectiveUser())
    this.#clock = options.clock
    this.#log = options.log
  }

  async createKey(name: string, alg: SignatureAlgorithm): Promise<SigningKey> {
    requireKeyName(name)
    const key = generateSigningKey(alg, { kid: name })
    await this.#folder.create(name, formatKeyFile(key, name, this.#clock.now()))
    this.#log.info({ key: name, alg }, 'signing key created')
    return key
  }

  async getKey(name: string): Promise<SigningKey | undefined> {
    const bytes = await this.#folder.read(requireKeyName(name))
    return bytes === undefined ? undefined : parseKeyFile(bytes, name, this.#folder.pathOf(name))
  }

  listKeys(): Promise<readonly string[]> {
    return this.#folder.names()
  }

  async backupFiles(): Promise<readonly string[]> {
    return (await this.#folder.names()).map((name) => `${FOLDER}/${name}.json`)
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
