import { CliError } from '../cli-error.ts'
import { readFileLimited } from './read-input.ts'

/** @throws CliError `ERR_CLI_FILE_MALFORMED` when the file is not JSON, else as `readFileLimited` */
export async function readJsonFile(path: string, maxBytes: number): Promise<unknown> {
  const bytes = await readFileLimited(path, maxBytes)
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new CliError('ERR_CLI_FILE_MALFORMED', `file ${path} is not JSON`, { cause })
  }
}
