import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '@countersign/protocol'
import { formatHighWater, HIGH_WATER_FILE, readHighWater } from '../recovery/high-water-mark.ts'
import { leapBeyond } from '../recovery/issuance-gate.ts'
import { RecoveryStore } from '../store/recovery-store.ts'
import { Store } from '../store/store.ts'
import { writePrivateFile } from '../tls/write-private-file.ts'
import { BackupError } from './backup-error.ts'
import type { BackupManifest } from './backup-manifest.ts'
import { extractBackup, writing } from './extract-backup.ts'
import { STORE_NAME } from './make-backup.ts'
import { readStoreFile, withStoreFile } from './read-store-file.ts'
import {
  commitStaging,
  discardStaging,
  finishRestore,
  isRestoreUnfinished,
  openStaging,
  STAGING_FOLDER,
} from './restore-staging.ts'

export interface RestoreOptions {
  /** The backup's bytes. */
  readonly source: AsyncIterable<Uint8Array>
  readonly dataDir: string
  readonly passphrase?: Uint8Array | undefined
  /** Also into a folder that is not empty; what is in the way is moved aside, never deleted. */
  readonly force?: boolean
  /** Lets the server issue at once. */
  readonly resume?: boolean
  readonly clock: { now(): number; schedule(milliseconds: number, run: () => void): () => void }
}

export type RestoreResult =
  /** An earlier restore had been cut short and is complete now; the given backup was not looked at. */
  | { readonly outcome: 'finished-earlier'; readonly movedAside?: string }
  | {
      readonly outcome: 'restored'
      readonly manifest: BackupManifest
      /** Where the server goes on counting. */
      readonly revision: number
      /** Whether that is beyond what was really used, or a leap that nobody can have used. */
      readonly highWaterKnown: boolean
      readonly movedAside?: string
    }

/**
 * Puts a backup in place of a server's data, whole or not at all; the same call finishes what a crash cut short. The restored
 * server issues nothing until an operator says so, and uses no revision a second time.
 *
 * @throws BackupError `ERR_BACKUP_TARGET_IN_USE`, `ERR_BACKUP_TARGET_NOT_EMPTY`, `ERR_BACKUP_FORMAT`, `ERR_BACKUP_VERSION`,
 *   `ERR_BACKUP_PASSPHRASE`, `ERR_BACKUP_UNWRITABLE`; nothing of what was there has been touched then
 */
export async function restoreBackup(options: RestoreOptions): Promise<RestoreResult> {
  const { dataDir, clock, force = false } = options
  if (isRestoreUnfinished(dataDir)) return { outcome: 'finished-earlier', ...movedAside(await finishRestore(dataDir)) }
  rejectRunningServer(dataDir)
  await rejectContent(dataDir, force)
  const content = await openStaging(dataDir)
  try {
    const manifest = await extractBackup(options.source, content, options.passphrase)
    rejectOtherStore(join(content, STORE_NAME), manifest)
    const known = readMark(dataDir)
    const used = Math.max(manifest.reserved, known?.reserved ?? 0)
    const beyond = known === undefined ? leapBeyond(used) : used
    const revision = await hold(join(content, STORE_NAME), beyond, manifest.trustDomain, options)
    const mark = { revision, reserved: revision, time: Math.max(manifest.createdAt, known?.time ?? 0) }
    await writing(() => writePrivateFile(join(content, HIGH_WATER_FILE), formatHighWater(mark).toString('latin1')))
    // A server that was started meanwhile would lose its ground.
    rejectRunningServer(dataDir)
    await commitStaging(dataDir, new Date(clock.now() * 1000).toISOString().replaceAll(/[-:]|\.\d+/g, ''))
    const aside = await finishRestore(dataDir)
    return { outcome: 'restored', manifest, revision, highWaterKnown: known !== undefined, ...movedAside(aside) }
  } catch (error) {
    if (!isRestoreUnfinished(dataDir)) await discardStaging(dataDir).catch(() => {})
    throw error
  }
}

function movedAside(path: string | undefined): { readonly movedAside?: string } {
  return path === undefined ? {} : { movedAside: path }
}

async function rejectContent(dataDir: string, force: boolean): Promise<void> {
  const names = await readdir(dataDir).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return []
    throw new BackupError('ERR_BACKUP_UNWRITABLE', 'data folder cannot be read', { cause, detail: cause.code ?? '' })
  })
  if (force || names.every((name) => name === STAGING_FOLDER || name === 'lost+found')) return
  throw new BackupError('ERR_BACKUP_TARGET_NOT_EMPTY', 'data folder is not empty')
}

function rejectRunningServer(dataDir: string): void {
  try {
    withStoreFile(join(dataDir, STORE_NAME), (database) => database.prepare('SELECT * FROM sqlite_schema').all())
  } catch (cause) {
    // One that is damaged, or not there, is what a restore is for.
    if (errorCode(cause) !== 'ERR_STORE_LOCKED') return
    throw new BackupError('ERR_BACKUP_TARGET_IN_USE', 'a server uses the data folder; stop it first', { cause })
  }
}

function rejectOtherStore(path: string, manifest: BackupManifest): void {
  const store = readStoreFile(path)
  if (store.damage !== undefined) {
    throw new BackupError('ERR_BACKUP_FORMAT', 'store in the backup is damaged', { detail: store.damage })
  }
  if (store.schemaVersion !== manifest.schemaVersion || store.revision !== manifest.revision) {
    throw new BackupError('ERR_BACKUP_FORMAT', 'store in the backup is not the one its manifest describes')
  }
}

/** A mark that is damaged tells nothing. */
function readMark(dataDir: string): ReturnType<typeof readHighWater> {
  try {
    return readHighWater(join(dataDir, HIGH_WATER_FILE))
  } catch {
    return undefined
  }
}

/** @returns the revision that the store has then */
async function hold(
  path: string,
  beyond: number,
  trustDomain: string,
  { clock, resume = false }: RestoreOptions,
): Promise<number> {
  let store: Store
  try {
    store = Store.open(path, clock)
  } catch (cause) {
    if (errorCode(cause) !== 'ERR_STORE_SCHEMA_NEWER') throw cause
    throw new BackupError('ERR_BACKUP_VERSION', 'backup was made by a newer version of this program', { cause })
  }
  try {
    const recovery = new RecoveryStore(store, trustDomain)
    await recovery.putOnHold('restored', beyond)
    if (resume) await recovery.resume()
    return await store.revision()
  } finally {
    await store.close()
  }
}
