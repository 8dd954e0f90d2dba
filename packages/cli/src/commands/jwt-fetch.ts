import type { Command } from 'commander'
import type { CommandContext } from '../command-context.ts'
import { collect } from '../options/collect.ts'
import { parseIdentifier } from '../options/parse-identifier.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'
import { addSocketOption, type EndpointOptions, withWorkloadApi } from '../workload-api/endpoint-option.ts'

interface Options extends EndpointOptions {
  readonly audience: readonly string[]
  readonly id?: string
  readonly output: OutputFormat
}

export function addJwtFetch(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'fetch', {
    does: 'fetch a JWT-SVID and print it: whoever holds it can use it',
    example: 'jwt fetch --audience https://orders.example',
  })
    .requiredOption('--audience <name>', 'who will accept the token (repeatable)', collect)
    .option('--id <spiffe-id>', "which of the program's identities (default: the first)", parseIdentifier)
  addSocketOption(command).action(async (options: Options) => {
    const request = { audience: options.audience, ...(options.id === undefined ? {} : { spiffeId: options.id }) }
    const { svids } = await withWorkloadApi(context, options, (client, signal) => client.fetchJwtSvid(request, signal))
    const tokens = svids.map(({ spiffeId, svid, hint }) => ({
      spiffeId,
      token: svid,
      ...(hint === '' ? {} : { hint }),
    }))
    // As text, the token of the default identity alone, so that $(…) can hold it.
    openOutput(context, options).result({ svids: tokens }, (page) => page.line(tokens[0]?.token ?? ''))
  })
}
