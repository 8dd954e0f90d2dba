/** The folder that a server keeps everything in. */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BACKUP_PREFIX } from './backup/make-backup.ts'
import { isRestoreUnfinished } from './backup/restore-staging.ts'
import { ServerError } from './server-error.ts'

/** @throws ServerError `ERR_SERVER_RESTORE_UNFINISHED`: half of the files are from one time and half from another */
export function rejectUnfinishedRestore(dataDir: string): void {
  if (!isRestoreUnfinished(dataDir)) return
  throw new ServerError('ERR_SERVER_RESTORE_UNFINISHED', 'a restore into the data folder was cut short')
}

/** Copies of the store that a crash left, private keys perhaps among them. */
export async function removeRemains(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (name.startsWith(BACKUP_PREFIX)) await rm(join(dataDir, name), { recursive: true, force: true })
  }
}

/** @throws ServerError `ERR_SERVER_DATA_DIR` */
export async function createDataDir(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
  } catch (cause) {
    const detail = String((cause as NodeJS.ErrnoException).code ?? '')
    throw new ServerError('ERR_SERVER_DATA_DIR', 'data folder cannot be created', { detail, cause })
  }
}
