import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, open, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { BackupError } from './backup-error.ts'
import { type BackupManifest, formatManifest } from './backup-manifest.ts'
import { readStoreFile } from './read-store-file.ts'

export interface BackupSource {
  readonly dataDir: string
  readonly trustDomain: string
  readonly version: string
  readonly now: number
  /** No revision above this one was used; 0 when unknown. */
  readonly reserved: number
  /** Writes a consistent copy of the store to this path. */
  copyStore(path: string): Promise<void>
  /** Paths relative to the data folder; `undefined` when the keys cannot be had as files. */
  keyFiles(): Promise<readonly string[] | undefined>
}

/** Secret: it holds private keys. */
export interface Backup {
  readonly manifest: BackupManifest
  /** To be read once, to its end or to a failure; what was put aside for it is removed then. */
  readonly content: AsyncIterable<Uint8Array>
}

export const BACKUP_PREFIX = '.backup-'
export const STORE_NAME = 'server.db'
const OTHER_FILES = ['public-root.pem', 'public-root-key.pem']
/** Key files are small; anything else has no business here. */
const MAX_FILE_BYTES = 1024 * 1024

/**
 * Puts aside a consistent copy of everything that a server of this data folder needs.
 *
 * @throws BackupError `ERR_BACKUP_SOURCE` when the store is damaged or a file of the key manager cannot be taken
 * @throws BackupError `ERR_BACKUP_UNWRITABLE` when there is no room for the copy
 */
export async function makeBackup(source: BackupSource): Promise<Backup> {
  const { dataDir, trustDomain, version, now, reserved } = source
  const aside = await mkdtemp(join(dataDir, BACKUP_PREFIX)).catch((cause) => {
    throw new BackupError('ERR_BACKUP_UNWRITABLE', 'no copy can be put aside in the data folder', { cause })
  })
  const discard = () => rm(aside, { recursive: true, force: true })
  try {
    const copy = join(aside, STORE_NAME)
    await source.copyStore(copy)
    const store = readStoreFile(copy)
    if (store.damage !== undefined) {
      throw new BackupError('ERR_BACKUP_SOURCE', 'store is damaged', { detail: store.damage })
    }
    const keyFiles = await source.keyFiles()
    const others = await readOthers(dataDir, [...(keyFiles ?? []), ...OTHER_FILES])
    const files = [{ path: STORE_NAME, size: (await stat(copy)).size, sha256: await hashFile(copy) }]
    for (const [path, bytes] of others) files.push({ path, size: bytes.length, sha256: hashOf(bytes) })
    const { schemaVersion, revision, authorities } = store
    const manifest: BackupManifest = {
      ...{ format: 1, version, createdAt: now, trustDomain, schemaVersion, revision, authorities, files },
      reserved: Math.max(reserved, revision),
      keysIncluded: keyFiles !== undefined,
    }
    return { manifest, content: contentOf(manifest, copy, others, discard) }
  } catch (error) {
    await discard()
    throw error
  }
}

async function* contentOf(
  manifest: BackupManifest,
  storeCopy: string,
  others: ReadonlyMap<string, Buffer>,
  discard: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  try {
    yield formatManifest(manifest)
    yield* createReadStream(storeCopy) as AsyncIterable<Buffer>
    for (const bytes of others.values()) yield bytes
  } finally {
    await discard()
  }
}

async function readOthers(dataDir: string, paths: readonly string[]): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>()
  for (const path of paths) {
    const bytes = await readSmallFile(join(dataDir, path)).catch((cause: NodeJS.ErrnoException) => {
      // A key that was deleted meanwhile: the restored server makes another.
      if (cause.code === 'ENOENT') return undefined
      throw new BackupError('ERR_BACKUP_SOURCE', `${path} in the data folder cannot be read`, { cause })
    })
    if (bytes !== undefined) files.set(path, bytes)
  }
  return files
}

async function readSmallFile(path: string): Promise<Buffer> {
  const { size } = await stat(path)
  if (size > MAX_FILE_BYTES) throw new Error('file is too large')
  return readFile(path)
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  const file = await open(path)
  try {
    for await (const piece of file.createReadStream({ autoClose: false })) hash.update(piece as Buffer)
    return hash.digest('hex')
  } finally {
    await file.close()
  }
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
