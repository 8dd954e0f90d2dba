/** One folder of key files: opened once with its checks, then written so that a crash leaves a whole key or none. */
import { randomBytes } from 'node:crypto'
import { constants, lstatSync, mkdirSync, readdirSync, unlinkSync } from 'node:fs'
import { link, open, readdir, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isKeyName, KeyManagerError, readLimitedFrom } from '@countersign/plugin-kit'
import { corrupt, MAX_KEY_FILE_BYTES } from './key-file.ts'
import { requirePrivate } from './private-permissions.ts'

const SUFFIX = '.json'
/** No key name begins with a dot, so a half-written file can never be taken for a key. */
const TEMPORARY_PREFIX = '.new-'

export class KeyFolder {
  readonly #path: string
  readonly #owner: number

  /**
   * Opens the folder, making it when it does not exist, and removes what a crash left half-written.
   *
   * @param owner user id that must own everything in it
   * @throws KeyManagerError `ERR_KEY_MANAGER_PERMISSIONS`
   */
  constructor(path: string, owner: number) {
    this.#path = path
    this.#owner = owner
    mkdirSync(path, { recursive: true, mode: 0o700 })
    requirePrivate({ path, kind: 'folder', owner }, lstatSync(path))
    for (const entry of readdirSync(path)) {
      if (entry.startsWith(TEMPORARY_PREFIX)) unlinkSync(join(path, entry))
      else if (entry.endsWith(SUFFIX)) {
        const file = join(path, entry)
        requirePrivate({ path: file, kind: 'file', owner }, lstatSync(file))
      }
    }
  }

  pathOf(name: string): string {
    return join(this.#path, `${name}${SUFFIX}`)
  }

  async names(): Promise<string[]> {
    const entries = await readdir(this.#path)
    return entries
      .filter((entry) => entry.endsWith(SUFFIX))
      .map((entry) => entry.slice(0, -SUFFIX.length))
      .filter(isKeyName)
      .sort()
  }

  /** @throws KeyManagerError `ERR_KEY_MANAGER_PERMISSIONS`, `ERR_KEY_MANAGER_CORRUPT` when the file is too large */
  async read(name: string): Promise<Buffer | undefined> {
    const path = this.pathOf(name)
    const file = await ifExists(open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK), path)
    if (file === undefined) return undefined
    try {
      // Checked again on the open file: permissions may have been widened since the start.
      requirePrivate({ path, kind: 'file', owner: this.#owner }, await file.stat())
      const { bytes, truncated } = await readLimitedFrom(file, MAX_KEY_FILE_BYTES)
      if (truncated) throw corrupt(path, `larger than ${MAX_KEY_FILE_BYTES} bytes`)
      return bytes
    } finally {
      await file.close()
    }
  }

  /**
   * Writes a new file that survives a crash from the moment this returns. Never replaces one.
   *
   * @throws KeyManagerError `ERR_KEY_MANAGER_EXISTS`; `ERR_KEY_MANAGER_UNWRITABLE` when the disk is full or read-only
   */
  create(name: string, content: string): Promise<void> {
    return writing(() => this.#create(name, content))
  }

  /** @throws KeyManagerError `ERR_KEY_MANAGER_UNWRITABLE` */
  async delete(name: string): Promise<void> {
    const path = this.pathOf(name)
    await writing(async () => {
      await ifExists(unlink(path), path)
      await this.#sync()
    })
  }

  async #create(name: string, content: string): Promise<void> {
    const temporary = join(this.#path, `${TEMPORARY_PREFIX}${randomBytes(12).toString('hex')}`)
    await writeNewFile(temporary, content)
    try {
      // A link fails when its name exists; a rename would replace the key of whoever came first.
      await link(temporary, this.pathOf(name))
    } catch (error) {
      if (hasCode(error, 'EEXIST')) throw new KeyManagerError('ERR_KEY_MANAGER_EXISTS', `key "${name}" exists`)
      throw error
    } finally {
      await unlink(temporary)
    }
    await this.#sync()
  }

  /** Makes names durable, the folder's own one too; syncing a file does not. */
  async #sync(): Promise<void> {
    for (const path of [this.#path, dirname(this.#path)]) {
      const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
      try {
        await folder.sync()
      } finally {
        await folder.close()
      }
    }
  }
}

async function writeNewFile(path: string, content: string): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600)
  try {
    await file.writeFile(content)
    await file.sync()
  } catch (error) {
    await unlink(path)
    throw error
  } finally {
    await file.close()
  }
}

/** Gives what the file system refuses its code. */
async function writing(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (cause) {
    if (cause instanceof KeyManagerError || (cause as NodeJS.ErrnoException).code === undefined) throw cause
    const detail = (cause as NodeJS.ErrnoException).code ?? ''
    throw new KeyManagerError('ERR_KEY_MANAGER_UNWRITABLE', 'signing key cannot be written', { detail, cause })
  }
}

async function ifExists<T>(action: Promise<T>, path: string): Promise<T | undefined> {
  try {
    return await action
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    if (hasCode(error, 'ELOOP')) {
      throw new KeyManagerError('ERR_KEY_MANAGER_PERMISSIONS', `"${path}" must be a plain file`)
    }
    throw error
  }
}

function hasCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code
}
