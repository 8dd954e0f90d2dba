import { randomBytes } from 'node:crypto'
import { link, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CliError } from '../cli-error.ts'

/**
 * Writes a private file (0600) that is there whole or not at all, safe from a power cut, and never in place of another.
 *
 * @returns its size
 * @throws CliError `ERR_CLI_FILE_EXISTS`, `ERR_CLI_FILE_NOT_WRITABLE`; whatever the source throws
 */
export async function writePrivateStream(path: string, source: AsyncIterable<Uint8Array>): Promise<number> {
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  try {
    const size = await writeDraft(path, draft, source)
    await writing(path, async () => {
      // A link fails when its name exists; a rename would replace the backup of yesterday.
      await link(draft, path)
      const folder = await open(dirname(path), 'r')
      try {
        await folder.sync()
      } finally {
        await folder.close()
      }
    })
    return size
  } finally {
    await rm(draft, { force: true })
  }
}

async function writeDraft(path: string, draft: string, source: AsyncIterable<Uint8Array>): Promise<number> {
  const file = await writing(path, () => open(draft, 'wx', 0o600))
  let size = 0
  try {
    for await (const piece of source) {
      await writing(path, () => file.writeFile(piece))
      size += piece.length
    }
    await writing(path, () => file.sync())
    return size
  } finally {
    await file.close()
  }
}

async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? ''
    if (code === 'EEXIST') throw new CliError('ERR_CLI_FILE_EXISTS', `file ${path} exists`, { cause })
    throw new CliError('ERR_CLI_FILE_NOT_WRITABLE', `cannot write file ${path}`, { cause, detail: code })
  }
}
