/** Which script or module an interpreter was told to run, by its command line. */
import { INTERPRETERS, type LetterOptions, type WordOptions } from './interpreters.ts'

/** A file as written, possibly relative to the working folder; or the name of a module the interpreter looks up. */
export type Program = { readonly script: string } | { readonly module: string }

type Arguments = readonly (string | undefined)[]

/**
 * @param executable base name of the executable, after all links
 * @param commandLine arguments with the program's name first; `undefined` for one that cannot be read
 * @returns `undefined` when the executable is no known interpreter, or runs no file, or its options are not understood
 */
export function findProgram(executable: string, commandLine: Arguments): Program | undefined {
  const interpreter = INTERPRETERS.find((known) => known.executable.test(executable))
  if (interpreter === undefined) return undefined
  const found =
    interpreter.options.style === 'words'
      ? findAmongWords(interpreter.options, commandLine)
      : findAmongLetters(interpreter.options, commandLine)
  if (found === undefined || ('script' in found && found.script === '')) return undefined
  return found
}

function scriptAt(args: Arguments, index: number): Program | undefined {
  const script = args[index]
  return script === undefined ? undefined : { script }
}

function findAmongWords(options: WordOptions, args: Arguments): Program | undefined {
  let command: boolean | undefined
  let ready = options.scriptNeeds === undefined
  for (let index = 1; index < args.length; index++) {
    const arg = args[index]
    // Java reads more arguments from "@file"; what it read is not to be seen here.
    if (arg === undefined || arg === '-' || (options.scriptNeeds !== undefined && arg.startsWith('@'))) return undefined
    if (arg === '--') return ready ? scriptAt(args, index + 1) : undefined
    if (!arg.startsWith('-')) {
      const wasCommand = command === undefined ? options.commands?.get(arg) : undefined
      if (wasCommand === false) return undefined
      if (wasCommand === undefined)
        return ready || arg.endsWith(options.scriptNeeds?.orSuffix ?? '') ? { script: arg } : undefined
      command = wasCommand
      continue
    }
    const name = optionName(arg, options.foldsUnderscores === true)
    if (options.withoutScript.has(name)) return undefined
    if (name === options.scriptNeeds?.option) ready = true
    if (options.withValue.has(name) && !arg.includes('=')) index++
  }
  return undefined
}

function optionName(arg: string, foldsUnderscores: boolean): string {
  const [name = ''] = arg.split('=', 1)
  return foldsUnderscores && name.startsWith('--') ? name.replaceAll('_', '-') : name
}

function findAmongLetters(options: LetterOptions, args: Arguments): Program | undefined {
  for (let index = 1; index < args.length; index++) {
    const arg = args[index]
    if (arg === undefined || arg === '-') return undefined
    if (arg === '--') return scriptAt(args, index + 1)
    if (arg.startsWith('--')) {
      const name = optionName(arg, false)
      if (options.longWithoutScript?.has(name) === true) return undefined
      if (name === options.longScript)
        return arg === name ? scriptAt(args, index + 1) : { script: arg.slice(name.length + 1) }
      if (options.longWithValue?.has(name) === true && arg === name) index++
      continue
    }
    if (!arg.startsWith('-') && !(options.plus === true && arg.startsWith('+'))) return { script: arg }
    const read = readCluster(options, arg.slice(1), args[index + 1])
    if ('program' in read) return read.program
    index += read.skip
  }
  return undefined
}

/** One cluster of letters: the program it names (or that there is none), or how many arguments its values take. */
function readCluster(
  options: LetterOptions,
  cluster: string,
  next: string | undefined,
): { readonly program: Program | undefined } | { readonly skip: number } {
  let skip = 0
  for (let at = 0; at < cluster.length; at++) {
    const letter = cluster.charAt(at)
    const rest = cluster.slice(at + 1)
    const value = rest === '' ? next : rest
    if (options.withoutScript.includes(letter)) return { program: undefined }
    if (letter === options.module) return { program: value === undefined ? undefined : { module: value } }
    if (letter === options.script) return { program: value === undefined ? undefined : { script: value } }
    if (options.withAttachedValue?.includes(letter) === true) return { skip }
    if (options.withValue.includes(letter)) return { skip: rest === '' ? skip + 1 : skip }
    if (options.withNextValue?.includes(letter) === true) skip++
    if (options.withDigits?.includes(letter) === true) at += /^[0-9]*/.exec(rest)?.[0].length ?? 0
  }
  return { skip }
}
