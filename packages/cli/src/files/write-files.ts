import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { CliError } from '../cli-error.ts'

export interface FileToWrite {
  readonly name: string
  readonly text: string
  /** Private files are readable by their owner only, from their first byte on. */
  readonly isPrivate: boolean
}

/**
 * Writes files into a folder that is created if need be. Each file replaces its predecessor in one step, so a reader
 * sees the old or the new one; an earlier file's wider permissions never apply to a new key.
 *
 * @returns the paths written
 * @throws CliError `ERR_CLI_FILE_NOT_WRITABLE`
 */
export async function writeFiles(folder: string, files: readonly FileToWrite[]): Promise<readonly string[]> {
  try {
    await mkdir(folder, { recursive: true })
    const paths: string[] = []
    for (const file of files) paths.push(await replaceFile(folder, file))
    return paths
  } catch (cause) {
    const detail = (cause as NodeJS.ErrnoException).code
    throw new CliError('ERR_CLI_FILE_NOT_WRITABLE', `cannot write to folder ${folder}`, {
      cause,
      ...(detail === undefined ? {} : { detail }),
    })
  }
}

async function replaceFile(folder: string, file: FileToWrite): Promise<string> {
  const path = join(folder, file.name)
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  try {
    const handle = await open(draft, 'wx', file.isPrivate ? 0o600 : 0o644)
    try {
      await handle.writeFile(file.text)
    } finally {
      await handle.close()
    }
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
  return path
}
