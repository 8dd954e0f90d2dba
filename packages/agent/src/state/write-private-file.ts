import { randomBytes } from 'node:crypto'
import { open, readdir, rename, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** What a file is called until it is whole. */
const UNFINISHED = /\.(?:json|sealed|generation|key)\.[0-9a-f]{12}$/

/**
 * Replaces a file so that a crash at any instant leaves the old content or the new one, readable by its owner alone.
 * Resolves when the new content is on the disk.
 */
export async function writePrivateFile(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  const file = await open(temporary, 'wx', 0o600)
  try {
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw error
  }
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Removes what crashes left in the middle of a write. Only for who alone writes to the folder. */
export async function removeUnfinished(folder: string): Promise<void> {
  const names = await readdir(folder)
  await Promise.all(
    names.filter((name) => UNFINISHED.test(name)).map((name) => unlink(join(folder, name)).catch(() => {})),
  )
}
