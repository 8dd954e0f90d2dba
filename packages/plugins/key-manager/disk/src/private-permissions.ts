import type { Stats } from 'node:fs'
import { KeyManagerError } from '@countersign/plugin-kit'

const GROUP_AND_OTHERS = 0o077

/** What a folder or file with private keys must be, and how to make it so. */
export interface PrivatePath {
  readonly path: string
  readonly kind: 'folder' | 'file'
  /** User id that must own it. */
  readonly owner: number
}

/**
 * Refuses a folder or file that anyone but its owner can read or change: whoever could write there could replace a
 * signing key, whoever could read there has it.
 *
 * @param stats of the path itself, a symbolic link not followed
 * @throws KeyManagerError `ERR_KEY_MANAGER_PERMISSIONS` whose message has the command that repairs it
 */
export function requirePrivate({ path, kind, owner }: PrivatePath, stats: Stats): void {
  if (kind === 'folder' ? !stats.isDirectory() : !stats.isFile()) {
    throw new KeyManagerError('ERR_KEY_MANAGER_PERMISSIONS', `"${path}" must be a plain ${kind}`)
  }
  if (stats.uid !== owner) {
    throw new KeyManagerError(
      'ERR_KEY_MANAGER_PERMISSIONS',
      `"${path}" belongs to user id ${stats.uid}, not to ${owner}; if its keys can be trusted, run: chown ${owner} '${path}'`,
    )
  }
  if ((stats.mode & GROUP_AND_OTHERS) !== 0) {
    const mode = (stats.mode & 0o777).toString(8).padStart(4, '0')
    const wanted = kind === 'folder' ? '700' : '600'
    throw new KeyManagerError(
      'ERR_KEY_MANAGER_PERMISSIONS',
      `"${path}" has mode ${mode}, others can reach its keys; run: chmod ${wanted} '${path}'`,
    )
  }
}
