import { join } from 'node:path'
import { type KeyManager, silentLogger, systemClock } from '@countersign/plugin-kit'
import type { ServerConfig } from '../config/server-config.ts'
import { HIGH_WATER_FILE, readHighWater } from '../recovery/high-water-mark.ts'
import type { ServerParts } from '../server-parts.ts'
import { copyDatabase } from '../store/copy-database.ts'
import { VERSION } from '../version.ts'
import { BackupError } from './backup-error.ts'
import { type Backup, makeBackup, STORE_NAME } from './make-backup.ts'
import { withStoreFileAsync } from './read-store-file.ts'

/** Of a server that runs. @throws BackupError, StoreError as `makeBackup` */
export function backUpRunning(
  { dataDir, trustDomain }: ServerConfig,
  { store, keyManager, authorities, gate }: ServerParts,
  now: number,
): Promise<Backup> {
  // No step of an authority in between: its key and its record belong together.
  return authorities.run(() =>
    makeBackup({
      ...{ dataDir, trustDomain, now, version: VERSION, reserved: gate.highWater().reserved },
      copyStore: (path) => store.copyTo(path),
      keyFiles: () => keyFilesOf(keyManager),
    }),
  )
}

/** Of a server that is stopped. @throws StoreError `ERR_STORE_LOCKED` when it is not; BackupError as `makeBackup` */
export function backUpStopped({ dataDir, trustDomain, plugins }: ServerConfig, now: number): Promise<Backup> {
  const reserved = readHighWater(join(dataDir, HIGH_WATER_FILE))?.reserved ?? 0
  return makeBackup({
    ...{ dataDir, trustDomain, now, version: VERSION, reserved },
    copyStore: (path) => withStoreFileAsync(join(dataDir, STORE_NAME), (database) => copyDatabase(database, path)),
    keyFiles: () => keyFilesOf(plugins.keyManager({ clock: systemClock, log: silentLogger, dataDir })),
  })
}

async function keyFilesOf(keyManager: KeyManager): Promise<readonly string[] | undefined> {
  const files = await keyManager.backupFiles?.()
  if (files?.some((path) => path.startsWith('/') || path.split('/').includes('..'))) {
    throw new BackupError('ERR_BACKUP_SOURCE', 'key manager names a file outside of the data folder')
  }
  return files
}
