import { decodeUtf8, errorCode, type JsonObject, parseJsonObject } from '@countersign/protocol'
import { CliError } from '../cli-error.ts'
import { readFileLimited } from './read-input.ts'

/**
 * Reads one JSON object. A member that is there twice is refused: what is checked here and what the server or another program
 * makes of the same file must not differ.
 *
 * @throws CliError `ERR_CLI_FILE_MALFORMED` when the file is no such object, else as `readFileLimited`
 */
export async function readJsonFile(path: string, maxBytes: number): Promise<JsonObject> {
  const bytes = await readFileLimited(path, maxBytes)
  try {
    return parseJsonObject(decodeUtf8(bytes))
  } catch (cause) {
    if (errorCode(cause) === undefined) throw cause
    throw new CliError('ERR_CLI_FILE_MALFORMED', `file ${path} cannot be used: ${(cause as Error).message}`, { cause })
  }
}
