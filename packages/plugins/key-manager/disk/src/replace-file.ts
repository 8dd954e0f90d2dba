/** Replacing a file that holds the only copy of a private key, at the start, before anybody waits. */
import { closeSync, constants, fstatSync, fsyncSync, openSync, renameSync, unlinkSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/** For a file that must not exist yet. */
export const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

/**
 * Replaces a file as a whole: after a crash there is the earlier content or the new one. Then writes zeros over the earlier
 * content where it was, as far as the disk does that in place.
 *
 * @param temporary path in the same folder that nothing has
 * @returns whether the earlier content was overwritten; it is not when it has another name, which may be a backup
 */
export function replaceFile(path: string, temporary: string, content: string): { readonly isErased: boolean } {
  const earlier = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    writeNewFile(temporary, content)
    renameSync(temporary, path)
    syncFolder(dirname(path))
    return { isErased: erase(earlier) }
  } finally {
    closeSync(earlier)
  }
}

function erase(file: number): boolean {
  const { nlink, size } = fstatSync(file)
  if (nlink > 0) return false
  writeWhole(file, Buffer.alloc(size))
  fsyncSync(file)
  return true
}

function writeNewFile(path: string, content: string): void {
  const file = openSync(path, NEW_FILE, 0o600)
  try {
    writeWhole(file, Buffer.from(content))
    fsyncSync(file)
  } catch (error) {
    unlinkSync(path)
    throw error
  } finally {
    closeSync(file)
  }
}

/** A full disk takes part of it before it refuses the rest. */
function writeWhole(file: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(file, bytes, written, bytes.length - written, written)
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
