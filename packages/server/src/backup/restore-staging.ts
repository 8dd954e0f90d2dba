/** The folder in which a restore is made ready, and the step that puts it in place, which a crash cannot leave half done. */
import { existsSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { HIGH_WATER_FILE } from '../recovery/high-water-mark.ts'
import { writePrivateFile } from '../tls/write-private-file.ts'
import { USED_TOKENS_FOLDER } from '../used-tokens/read-used-tokens.ts'
import { BackupError } from './backup-error.ts'
import { writing } from './extract-backup.ts'
import { STORE_NAME } from './make-backup.ts'

export const STAGING_FOLDER = '.restoring'
/** Exists from the moment at which everything is ready: from then on there is no way back. */
const READY_FILE = 'ready'
/** Exists from the moment at which nothing of what was there before is in the way. */
const CLEARED_FILE = 'cleared'
const CONTENT_FOLDER = 'content'

/** What a server keeps in its data folder, whatever the backup holds. */
const OWN_NAMES = [
  STORE_NAME,
  `${STORE_NAME}-wal`,
  `${STORE_NAME}-shm`,
  `${STORE_NAME}-journal`,
  'keys',
  'public-root.pem',
  'public-root-key.pem',
  HIGH_WATER_FILE,
  USED_TOKENS_FOLDER,
]

/** Whether a restore was cut short after everything was ready. */
export function isRestoreUnfinished(dataDir: string): boolean {
  return existsSync(join(dataDir, STAGING_FOLDER, READY_FILE))
}

/** Begins anew, whatever an earlier attempt left. @returns the folder to fill */
export async function openStaging(dataDir: string): Promise<string> {
  const content = join(dataDir, STAGING_FOLDER, CONTENT_FOLDER)
  await writing(async () => {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    await discardStaging(dataDir)
    await mkdir(content, { recursive: true, mode: 0o700 })
  })
  return content
}

export async function discardStaging(dataDir: string): Promise<void> {
  await rm(join(dataDir, STAGING_FOLDER), { recursive: true, force: true })
}

/** @param stamp names the folder for what was there before */
export async function commitStaging(dataDir: string, stamp: string): Promise<void> {
  const staging = join(dataDir, STAGING_FOLDER)
  await writing(async () => {
    await syncTree(join(staging, CONTENT_FOLDER))
    await writePrivateFile(join(staging, READY_FILE), JSON.stringify({ aside: `before-restore-${stamp}` }))
    await syncFolder(staging)
    await syncFolder(dataDir)
  })
}

/**
 * Moves what is ready into place, and what is there out of the way. Can be called again after a crash at any point.
 *
 * @returns the folder with what was there before, `undefined` when nothing was
 */
export async function finishRestore(dataDir: string): Promise<string | undefined> {
  const staging = join(dataDir, STAGING_FOLDER)
  return writing(async () => {
    const { aside } = JSON.parse(await readFile(join(staging, READY_FILE), 'utf8')) as { readonly aside: string }
    if (!/^before-restore-[0-9TZ]+$/.test(aside)) {
      throw new BackupError('ERR_BACKUP_FORMAT', `${STAGING_FOLDER}/${READY_FILE} in the data folder is damaged`)
    }
    const asideFolder = join(dataDir, aside)
    const content = join(staging, CONTENT_FOLDER)
    if (!existsSync(join(staging, CLEARED_FILE))) {
      for (const name of new Set([...OWN_NAMES, ...(await readdir(content))])) {
        if (!existsSync(join(dataDir, name))) continue
        await mkdir(asideFolder, { recursive: true, mode: 0o700 })
        await rename(join(dataDir, name), join(asideFolder, name))
      }
      await syncFolder(dataDir)
      // From here on, what is in place is what was restored.
      await writePrivateFile(join(staging, CLEARED_FILE), '')
      await syncFolder(staging)
    }
    for (const name of await readdir(content)) await rename(join(content, name), join(dataDir, name))
    await syncFolder(dataDir)
    await rm(staging, { recursive: true, force: true })
    await syncFolder(dataDir)
    return existsSync(asideFolder) ? asideFolder : undefined
  })
}

async function syncTree(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await syncTree(join(path, entry.name))
  }
  await syncFolder(path)
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
