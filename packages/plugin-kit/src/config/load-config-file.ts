/** Reads a program's YAML file into a plain value, with environment variables filled in and nothing else interpreted. */
import { LineCounter, parseDocument } from 'yaml'
import { readLimited } from '../files/read-limited.ts'
import { ConfigError } from './config-error.ts'
import { type Environment, interpolate } from './interpolate.ts'

const MAX_CONFIG_BYTES = 1_048_576

/** Enough for shared blocks, too few to multiply a small file into a large value. */
const MAX_ALIASES = 32

/**
 * Reads a YAML 1.2 file (JSON is YAML) and interpolates the environment. The shape is not checked; see `parseConfig`.
 *
 * @param path the file; symbolic links are followed
 * @param env where `${NAME}` is looked up, default `process.env`
 * @throws ConfigError `ERR_CONFIG_NOT_FOUND` when the file cannot be read
 * @throws ConfigError `ERR_CONFIG_INVALID` when it is larger than 1 MiB (checked before parsing)
 * @throws ConfigError `ERR_CONFIG_SYNTAX` for anything but one YAML document of unique string keys, with line and column
 * @throws ConfigError `ERR_CONFIG_VARIABLE` when a variable is not set
 */
export async function loadConfigFile(path: string, env: Environment = process.env): Promise<unknown> {
  return parseConfigText(await readText(path), path, env)
}

/** The same for text that is already read; `fileName` only appears in messages. */
export function parseConfigText(text: string, fileName: string, env: Environment): unknown {
  return interpolate(parseYaml(text, fileName), env)
}

async function readText(path: string): Promise<string> {
  let read: Awaited<ReturnType<typeof readLimited>>
  try {
    read = await readLimited(path, MAX_CONFIG_BYTES)
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? 'unknown reason'
    throw new ConfigError('ERR_CONFIG_NOT_FOUND', `config file "${path}" cannot be read (${reason})`, { cause })
  }
  if (read.truncated) {
    throw new ConfigError('ERR_CONFIG_INVALID', `config file "${path}" is larger than ${MAX_CONFIG_BYTES} bytes`)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(read.bytes)
  } catch {
    throw new ConfigError('ERR_CONFIG_SYNTAX', `config file "${path}" is not UTF-8`)
  }
}

function parseYaml(text: string, fileName: string): unknown {
  const lines = new LineCounter()
  try {
    const document = parseDocument(text, {
      version: '1.2',
      uniqueKeys: true,
      stringKeys: true,
      strict: true,
      prettyErrors: false,
      lineCounter: lines,
    })
    // An unknown tag is only a warning to the parser, but it would drop what its writer meant.
    const problem = document.errors[0] ?? document.warnings[0]
    if (problem !== undefined) throw syntaxError(fileName, problem, lines)
    return document.toJS({ maxAliasCount: MAX_ALIASES })
  } catch (error) {
    if (error instanceof ConfigError) throw error
    // The only way here is an alias bomb or an unresolved alias; the parser's text may quote the file, so it is dropped.
    throw new ConfigError('ERR_CONFIG_SYNTAX', `config file "${fileName}" uses aliases that cannot be resolved`)
  }
}

/** The parser's own messages quote the file, secrets included: only its code and position are passed on. */
function syntaxError(fileName: string, problem: { code: string; pos: [number, number] }, lines: LineCounter) {
  const { line, col } = lines.linePos(problem.pos[0])
  const reason = problem.code.toLowerCase().replaceAll('_', ' ')
  return new ConfigError('ERR_CONFIG_SYNTAX', `config file "${fileName}" line ${line}, column ${col}: ${reason}`)
}
