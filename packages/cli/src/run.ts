import type { Command } from 'commander'
import type { CommandContext } from './command-context.ts'
import type { ExitCode } from './exit.ts'
import { createProgram } from './program.ts'
import { reportError } from './report-error.ts'

/**
 * Runs one command line to its end. Never throws and never ends the process.
 *
 * @param args what follows `countersign`
 */
export async function run(args: readonly string[], context: CommandContext): Promise<ExitCode> {
  const program = createProgram(context)
  try {
    await program.parseAsync(explainAsVerb(pemLast(args)), { from: 'user' })
    return context.exitCode
  } catch (error) {
    return reportError(error, context, helpCommand(program, args))
  }
}

/** PEM text given as an argument begins with a dash like an option; moved behind `--` it is read as what it is. */
function pemLast(args: readonly string[]): string[] {
  const isPem = (arg: string) => arg.startsWith('-----BEGIN ')
  if (args.includes('--') || !args.some(isPem)) return [...args]
  return [...args.filter((arg) => !isPem(arg)), '--', ...args.filter(isPem)]
}

/** `exchange --explain …` is `exchange explain …`: an option that changes what all others mean is a verb. */
function explainAsVerb(args: readonly string[]): readonly string[] {
  const end = args.indexOf('--')
  const options = end === -1 ? args : args.slice(0, end)
  if (args[0] !== 'exchange' || args[1] === 'explain' || !options.includes('--explain')) return args
  const others = options.slice(1).filter((arg) => arg !== '--explain')
  return ['exchange', 'explain', ...others, ...args.slice(options.length)]
}

/** `countersign entry create --help` for whatever was typed after `entry create`. */
function helpCommand(program: Command, args: readonly string[]): string {
  const path = ['countersign']
  let command = program
  for (const arg of args) {
    const next = command.commands.find((candidate) => candidate.name() === arg)
    if (next === undefined) break
    path.push(arg)
    command = next
  }
  return [...path, '--help'].join(' ')
}
