import { CliError } from '../cli-error.ts'
import { readFileLimited } from './read-input.ts'

const MAX_BYTES = 4096
/** Fewer are guessed. */
const MIN_BYTES = 12

/**
 * The passphrase in a file: its first line.
 *
 * @throws CliError `ERR_CLI_FILE_MALFORMED` when it is too short; others as `readFileLimited`
 */
export async function readPassphrase(path: string): Promise<Uint8Array> {
  const bytes = await readFileLimited(path, MAX_BYTES)
  const end = bytes.indexOf('\n')
  const line = end === -1 ? bytes : bytes.subarray(0, bytes[end - 1] === 0x0d ? end - 1 : end)
  if (line.length >= MIN_BYTES) return line
  throw new CliError('ERR_CLI_FILE_MALFORMED', `passphrase in ${path} has fewer than ${MIN_BYTES} bytes`)
}
