import { stat } from 'node:fs/promises'
import { CliError } from '../cli-error.ts'
import type { CommandContext } from '../command-context.ts'
import { readInput } from './read-input.ts'

/** Far above any token, certificate chain or bundle. */
const MAX_ARTEFACT_BYTES = 4 * 1024 * 1024

/**
 * A token, certificate, key or bundle, given as the name of a file, as itself, or on standard input (`-` or nothing).
 *
 * @throws CliError `ERR_CLI_FILE_*`
 */
export async function readArtefact(context: CommandContext, argument = '-'): Promise<Uint8Array> {
  if (argument === '-' || (await isFile(argument))) return readInput(context, argument, MAX_ARTEFACT_BYTES)
  if (argument.startsWith('/') || argument.startsWith('./') || argument.startsWith('../')) {
    throw new CliError('ERR_CLI_FILE_NOT_FOUND', `file ${argument} does not exist`)
  }
  return Buffer.from(argument)
}

/** A token is no path: too long, or simply not there. */
async function isFile(path: string): Promise<boolean> {
  try {
    return !(await stat(path)).isDirectory()
  } catch {
    return false
  }
}
