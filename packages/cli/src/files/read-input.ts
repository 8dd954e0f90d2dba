import { open } from 'node:fs/promises'
import { CliError } from '../cli-error.ts'
import type { CommandContext } from '../command-context.ts'

/**
 * Reads a whole file, or standard input for `-`, never more than the limit.
 *
 * @throws CliError `ERR_CLI_FILE_NOT_FOUND`, `ERR_CLI_FILE_UNREADABLE`, `ERR_CLI_FILE_TOO_LARGE`
 */
export async function readInput(context: CommandContext, path: string, maxBytes: number): Promise<Buffer> {
  return path === '-' ? collect(context.stdin, 'standard input', maxBytes) : readFileLimited(path, maxBytes)
}

/** @throws CliError as {@link readInput} */
export async function readFileLimited(path: string, maxBytes: number): Promise<Buffer> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
  try {
    return await collect(file.createReadStream({ autoClose: false, end: maxBytes }), path, maxBytes)
  } catch (cause) {
    throw cause instanceof CliError ? cause : unreadable(path, cause)
  } finally {
    await file.close()
  }
}

async function collect(source: AsyncIterable<Uint8Array | string>, name: string, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of source) {
    const bytes = Buffer.from(chunk as Uint8Array)
    size += bytes.length
    if (size > maxBytes) throw new CliError('ERR_CLI_FILE_TOO_LARGE', `${name} holds more than ${maxBytes} bytes`)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks)
}

function unreadable(path: string, cause: unknown): CliError {
  const code = (cause as NodeJS.ErrnoException).code
  return code === 'ENOENT'
    ? new CliError('ERR_CLI_FILE_NOT_FOUND', `file ${path} does not exist`, { cause })
    : new CliError('ERR_CLI_FILE_UNREADABLE', `file ${path} cannot be read`, {
        cause,
        ...(code ? { detail: code } : {}),
      })
}
