import { WorkloadIdentityError } from '@countersign/protocol'
import { CommanderError } from 'commander'
import type { CommandContext } from './command-context.ts'
import { EXIT, type ExitCode } from './exit.ts'
import { hintFor } from './hints.ts'
import { hintForRefusal } from './oauth-hints.ts'
import { printable } from './terminal/printable.ts'

/** Commander's way to say that help or the version was printed as asked. */
const SHOWN = new Set(['commander.helpDisplayed', 'commander.version'])

/**
 * Prints an error as `error: <message> (<CODE>)` with a `hint:` that says what to do next.
 *
 * @param helpCommand the command line that prints the help of the verb that was tried
 */
export function reportError(error: unknown, context: CommandContext, helpCommand: string): ExitCode {
  if (error instanceof CommanderError) return reportUsage(error, context, helpCommand)
  if (error instanceof WorkloadIdentityError) {
    const isUsage = error.code === 'ERR_CLI_USAGE'
    printError(context, error.message, error.code, error.detail, isUsage ? helpHint(helpCommand) : hintOf(error))
    return isUsage ? EXIT.usage : EXIT.failed
  }
  const message = error instanceof Error ? error.message : String(error)
  printError(context, message, 'ERR_CLI_INTERNAL', undefined, hintFor('ERR_CLI_INTERNAL'))
  if (context.env['COUNTERSIGN_DEBUG'] && error instanceof Error) context.stderr.write(`${error.stack}\n`)
  return EXIT.failed
}

function hintOf(error: WorkloadIdentityError): string | undefined {
  const refusal = 'error' in error && typeof error.error === 'string' ? hintForRefusal(error.error) : undefined
  return refusal ?? hintFor(error.code)
}

function reportUsage(error: CommanderError, context: CommandContext, helpCommand: string): ExitCode {
  if (SHOWN.has(error.code)) return EXIT.ok
  // A noun without a verb: its help is on the screen already.
  if (error.code === 'commander.help') return EXIT.usage
  const message = shortenQuotes(error.message.replace(/^error: |\.$/g, '').replaceAll('\n', ' '))
  printError(context, message, 'ERR_CLI_USAGE', undefined, helpHint(helpCommand))
  return EXIT.usage
}

/** Longer quotes of the command line are cut: what stands in the wrong place may be a token or a key. */
const MAX_QUOTE = 48

function shortenQuotes(message: string): string {
  return message.replace(/'[^']*'/g, (quote) => (quote.length > MAX_QUOTE ? `${quote.slice(0, 16)}…'` : quote))
}

function printError(
  { stderr }: CommandContext,
  message: string,
  code: string,
  detail: string | undefined,
  hint: string | undefined,
): void {
  stderr.write(`error: ${printable(message)} (${printable(code)})\n`)
  if (detail !== undefined) stderr.write(`detail: ${printable(detail)}\n`)
  if (hint !== undefined) stderr.write(`hint: ${hint}\n`)
}

function helpHint(helpCommand: string): string {
  return `\`${helpCommand}\` shows what is expected`
}
