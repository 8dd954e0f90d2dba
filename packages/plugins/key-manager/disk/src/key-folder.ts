/** One folder of key files: opened once with its checks, then written so that a crash leaves a whole key or none. */
import { randomBytes } from 'node:crypto'
import { closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync, readdirSync, readSync, rmSync } from 'node:fs'
import { link, open, readdir, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isKeyName, KeyManagerError, readLimitedFrom } from '@countersign/plugin-kit'
import { corrupt, MAX_KEY_FILE_BYTES } from './key-file.ts'
import { requirePrivate } from './private-permissions.ts'
import { NEW_FILE, replaceFile } from './replace-file.ts'

const SUFFIX = '.json'
/** No key name begins with a dot, so a half-written file can never be taken for a key. */
const TEMPORARY_PREFIX = '.new-'
const READ_ONLY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
/** Another process that starts on this folder takes an unfinished file for one that a crash left. */
const MAX_ATTEMPTS = 8

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
      const file = join(path, entry)
      if (entry.startsWith(TEMPORARY_PREFIX)) rmSync(file, { force: true })
      else if (entry.endsWith(SUFFIX)) {
        const stats = lstatSync(file, { throwIfNoEntry: false })
        if (stats !== undefined) requirePrivate({ path: file, kind: 'file', owner }, stats)
      }
    }
  }

  pathOf(name: string): string {
    return join(this.#path, `${name}${SUFFIX}`)
  }

  async names(): Promise<string[]> {
    return namesOf(await readdir(this.#path))
  }

  namesSync(): string[] {
    return namesOf(readdirSync(this.#path))
  }

  /** @throws KeyManagerError `ERR_KEY_MANAGER_PERMISSIONS`, `ERR_KEY_MANAGER_CORRUPT` when the file is too large */
  async read(name: string): Promise<Buffer | undefined> {
    const path = this.pathOf(name)
    const file = await ifExists(open(path, READ_ONLY), path)
    if (file === undefined) return undefined
    try {
      // Checked again on the open file: permissions may have been widened since the start.
      requirePrivate({ path, kind: 'file', owner: this.#owner }, await file.stat())
      const { bytes, truncated } = await readLimitedFrom(file, MAX_KEY_FILE_BYTES)
      if (truncated) throw tooLarge(path)
      return bytes
    } finally {
      await file.close()
    }
  }

  /** As `read`, of a file whose name was just listed, for the start. */
  readSync(name: string): Buffer {
    const path = this.pathOf(name)
    const file = openSync(path, READ_ONLY)
    try {
      requirePrivate({ path, kind: 'file', owner: this.#owner }, fstatSync(file))
      const bytes = Buffer.alloc(MAX_KEY_FILE_BYTES + 1)
      let length = 0
      for (let read = -1; read !== 0 && length < bytes.length; length += read) {
        read = readSync(file, bytes, length, bytes.length - length, null)
      }
      if (length > MAX_KEY_FILE_BYTES) throw tooLarge(path)
      return bytes.subarray(0, length)
    } finally {
      closeSync(file)
    }
  }

  /** @returns whether the earlier content was overwritten, see `replaceFile` */
  replaceSync(name: string, content: string): { readonly isErased: boolean } {
    return replaceFile(this.pathOf(name), this.#newTemporary(), content)
  }

  /**
   * Writes a new file that survives a crash from the moment this returns. Never replaces one.
   *
   * @throws KeyManagerError `ERR_KEY_MANAGER_EXISTS`
   */
  async create(name: string, content: string): Promise<void> {
    for (let attempt = 1; !(await this.#tryCreate(name, content)); attempt++) {
      if (attempt === MAX_ATTEMPTS) throw new Error('unfinished key files are removed again and again')
    }
    await this.#sync()
  }

  /** @returns false when the file was removed before it was finished */
  async #tryCreate(name: string, content: string): Promise<boolean> {
    const temporary = this.#newTemporary()
    await writeNewFile(temporary, content)
    try {
      // A link fails when its name exists; a rename would replace the key of whoever came first.
      await link(temporary, this.pathOf(name))
      return true
    } catch (error) {
      if (hasCode(error, 'EEXIST')) throw new KeyManagerError('ERR_KEY_MANAGER_EXISTS', `key "${name}" exists`)
      if (hasCode(error, 'ENOENT')) return false
      throw error
    } finally {
      await ifExists(unlink(temporary), temporary)
    }
  }

  async delete(name: string): Promise<void> {
    const path = this.pathOf(name)
    await ifExists(unlink(path), path)
    await this.#sync()
  }

  #newTemporary(): string {
    return join(this.#path, `${TEMPORARY_PREFIX}${randomBytes(12).toString('hex')}`)
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

function namesOf(entries: readonly string[]): string[] {
  return entries
    .filter((entry) => entry.endsWith(SUFFIX))
    .map((entry) => entry.slice(0, -SUFFIX.length))
    .filter(isKeyName)
    .sort()
}

function tooLarge(path: string): KeyManagerError {
  return corrupt(path, `larger than ${MAX_KEY_FILE_BYTES} bytes`)
}

async function writeNewFile(path: string, content: string): Promise<void> {
  const file = await open(path, NEW_FILE, 0o600)
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
