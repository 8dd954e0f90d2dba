import type { Command } from 'commander'
import { addBrokerOptions, type BrokerOptions, withBrokerApi } from '../broker-api/broker-options.ts'
import type { CommandContext } from '../command-context.ts'
import { collect } from '../options/collect.ts'
import { parseIdentifier } from '../options/parse-identifier.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addGroup, addVerb } from '../verb.ts'

interface Options extends BrokerOptions {
  readonly audience: readonly string[]
  readonly id?: string
  readonly output: OutputFormat
}

const EXAMPLE =
  'broker jwt fetch --pid 4711 --audience https://orders.example --agent-id spiffe://example.org/countersign/agent/node-1'

export function addBrokerJwtFetch(parent: Command, context: CommandContext): void {
  const group = addGroup(parent, 'jwt', { does: 'JWT-SVIDs of another program', example: EXAMPLE })
  const command = addVerb(group, 'fetch', {
    does: 'fetch a JWT-SVID of another program and print it: whoever holds it can use it',
    example: EXAMPLE,
  })
    .requiredOption('--audience <name>', 'who will accept the token (repeatable)', collect)
    .option('--id <spiffe-id>', "which of the program's identities (default: the first)", parseIdentifier)
  addBrokerOptions(command).action(async (options: Options) => {
    const { audience, id } = options
    const { svids } = await withBrokerApi(context, options, (client, reference, signal) =>
      client.fetchJwtSvid({ reference, audience, ...(id === undefined ? {} : { spiffeId: id }) }, signal),
    )
    const tokens = svids.map(({ spiffeId, svid, hint }) => ({
      spiffeId,
      token: svid,
      ...(hint === '' ? {} : { hint }),
    }))
    // As text, the token of the default identity alone, so that $(…) can hold it.
    openOutput(context, options).result({ svids: tokens }, (page) => page.line(tokens[0]?.token ?? ''))
  })
}
