import { FileKey, isDerivationFor, type KeyDerivation, type KeySecret, newDerivation } from './key-encryption.ts'
import { type KeyContent, type KeyFile, openKeyFile, type SealedKeyFile, wrongSecret } from './key-file.ts'

export interface KeySecretsOptions {
  /** What keys are encrypted under; without it they are plain. */
  readonly current?: KeySecret | undefined
  /** What keys may still be encrypted under. */
  readonly previous?: KeySecret | undefined
  /** Cost of scrypt for new files. */
  readonly scryptN?: number | undefined
}

/** The secrets of one folder, each made into a key once for all files that share its salt. */
export class KeySecrets {
  readonly #options: KeySecretsOptions
  readonly #derived = new Map<string, FileKey>()
  #current: FileKey | undefined

  constructor(options: KeySecretsOptions) {
    this.#options = options
  }

  /** Whether there is anything to read an encrypted file with. */
  get canDecrypt(): boolean {
    return this.#options.current !== undefined || this.#options.previous !== undefined
  }

  /** What new files are encrypted under; `undefined` when they are plain. */
  current(): FileKey | undefined {
    const { current, scryptN } = this.#options
    if (current === undefined) return undefined
    this.#current ??= this.#derive(current, newDerivation(current.kind, scryptN))
    return this.#current
  }

  /** Whether a file is as new files would be. Costs a key derivation when its salt was not seen before. */
  isCurrent(file: KeyFile): boolean {
    const { current } = this.#options
    if (file.version === 1 || current === undefined) return file.version === 1 && current === undefined
    const fileKey = this.#matching(current, file)
    // One salt for the whole folder as far as possible: each costs a derivation at every start.
    if (fileKey !== undefined) this.#current ??= fileKey
    return fileKey !== undefined
  }

  /**
   * @param path only for messages
   * @throws KeyManagerError `ERR_KEY_MANAGER_PASSPHRASE` when no secret fits, `ERR_KEY_MANAGER_CORRUPT`
   */
  open(file: KeyFile, path: string): KeyContent {
    if (file.version === 1) return openKeyFile(file, undefined, path)
    for (const secret of [this.#options.current, this.#options.previous]) {
      const fileKey = secret && this.#matching(secret, file)
      if (fileKey !== undefined) return openKeyFile(file, fileKey, path)
    }
    throw wrongSecret(path)
  }

  #matching(secret: KeySecret, file: SealedKeyFile): FileKey | undefined {
    if (!isDerivationFor(secret.kind, file.derivation)) return undefined
    const fileKey = this.#derive(secret, file.derivation)
    return fileKey.hasCheck(file.check) ? fileKey : undefined
  }

  #derive(secret: KeySecret, derivation: KeyDerivation): FileKey {
    const id = `${secret === this.#options.current ? 'current' : 'previous'} ${JSON.stringify(derivation)}`
    const known = this.#derived.get(id)
    if (known !== undefined) return known
    const fileKey = new FileKey(secret, derivation)
    this.#derived.set(id, fileKey)
    return fileKey
  }
}
