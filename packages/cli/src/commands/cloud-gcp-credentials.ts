import { basename, dirname } from 'node:path'
import { errorCode } from '@countersign/protocol'
import type { Command } from 'commander'
import { CLOUDS } from '../cloud/clouds.ts'
import { fetchToken, type TokenOptions } from '../cloud/fetch-token.ts'
import { readExecutableRequest } from '../cloud/gcp/executable-request.ts'
import { formatErrorResponse, formatTokenResponse } from '../cloud/gcp/executable-response.ts'
import { parseAudience } from '../cloud/parse-audience.ts'
import { validateToken } from '../cloud/validate-token.ts'
import type { CommandContext } from '../command-context.ts'
import { EXIT } from '../exit.ts'
import { writeFiles } from '../files/write-files.ts'
import { hintFor } from '../hints.ts'
import { parseIdentifier } from '../options/parse-identifier.ts'
import { withExample } from '../verb.ts'
import { addSocketOption } from '../workload-api/endpoint-option.ts'

interface Options extends TokenOptions {
  readonly audience?: string
}

/**
 * Has no `--output`: what it prints is the contract of executable-sourced credentials. An error is printed as the
 * contract wants it, on standard output; libraries read both streams as one, so nothing goes to standard error.
 */
export function addCloudGcpCredentials(parent: Command, context: CommandContext): void {
  const command = parent
    .command('credentials')
    .description("print this program's token for Google Cloud: what a credential configuration runs")
    .option('--id <spiffe-id>', "which of the program's identities (default: the first)", parseIdentifier)
    .option(
      '--audience <name>',
      'audience of the token (default: the provider that the configuration names)',
      parseAudience,
    )
  withExample(command, { example: 'cloud gcp credentials --id spiffe://example.org/app' })
  addSocketOption(command).action(async (options: Options) => {
    try {
      context.stdout.write(`${JSON.stringify(await answer(context, options))}\n`)
    } catch (error) {
      const code = errorCode(error) ?? 'ERR_CLI_INTERNAL'
      const message = [(error as Error).message, hintFor(code)].filter(Boolean).join('; ')
      context.stdout.write(`${JSON.stringify(formatErrorResponse(code, message))}\n`)
      context.exitCode = EXIT.failed
    }
  })
}

async function answer(context: CommandContext, options: Options) {
  const { tokenType, audience, outputFile } = readExecutableRequest(context.env, options.audience)
  const token = validateToken(await fetchToken(context, options, audience), CLOUDS.gcp)
  const response = formatTokenResponse(token, tokenType, context.clock.now())
  if (outputFile !== undefined) {
    const file = { name: basename(outputFile), text: JSON.stringify(response), isPrivate: true }
    await writeFiles(dirname(outputFile), [file])
  }
  return response
}
