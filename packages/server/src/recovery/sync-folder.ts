import { closeSync, constants, fsyncSync, openSync } from 'node:fs'

/** Waits until the names in a folder are on the disk. @throws NodeJS.ErrnoException */
export function syncFolder(path: string): void {
  const folder = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
