import type { ProcessExplanation } from '@countersign/api'
import type { Command } from 'commander'
import type { CommandContext } from '../command-context.ts'
import { EXIT } from '../exit.ts'
import { addOperatorSocketOption, askAgent, type OperatorOptions } from '../operator/operator-client.ts'
import { parsePid } from '../options/parse-pid.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printExplanation } from './explanation-page.ts'

interface Options extends OperatorOptions {
  readonly pid: number
  readonly output: OutputFormat
}

/** Exits with 1 when the process has no identity now, so that scripts can wait for one. */
export function addAgentExplain(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'explain', {
    does: 'say which identities a running process has, or why none and what to do',
    example: 'agent explain --pid 4242',
  }).requiredOption('--pid <number>', "the process, as the agent's host counts it", parsePid)
  addOperatorSocketOption(command).action(async (options: Options) => {
    const explanation = await askAgent<ProcessExplanation>(context, options, `/v1/explain?pid=${options.pid}`)
    openOutput(context, options).result(explanation, (page) => printExplanation(page, explanation))
    if (explanation.outcome !== 'identity') context.exitCode = EXIT.failed
  })
}
