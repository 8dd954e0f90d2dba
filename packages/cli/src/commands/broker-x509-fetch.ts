import type { Command } from 'commander'
import { addBrokerOptions, type BrokerOptions, withBrokerApi } from '../broker-api/broker-options.ts'
import type { CommandContext } from '../command-context.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addGroup, addVerb } from '../verb.ts'
import { firstMessage } from '../workload-api/endpoint-option.ts'
import { summarizeX509 } from '../workload-api/x509-summary.ts'
import { printIdentity, writeFirst } from './x509-fetch.ts'

interface Options extends BrokerOptions {
  readonly write?: string
  readonly output: OutputFormat
}

const EXAMPLE =
  'broker x509 fetch --pid 4711 --agent-id spiffe://example.org/countersign/agent/node-1 --broker-socket /run/countersign/broker.sock'

export function addBrokerX509Fetch(parent: Command, context: CommandContext): void {
  const group = addGroup(parent, 'x509', { does: 'X509-SVIDs of another program', example: EXAMPLE })
  const command = addVerb(group, 'fetch', {
    does: 'fetch the X509-SVIDs of another program; the key is only ever written to a file',
    example: EXAMPLE,
  }).option('--write <folder>', 'write svid.pem, key.pem (mode 0600) and bundle.pem of the first identity')
  addBrokerOptions(command).action(async (options: Options) => {
    const { svids, federatedBundles } = await withBrokerApi(context, options, (client, reference, signal) =>
      firstMessage(client.subscribeToX509Svid(reference, signal)),
    )
    const identities = svids.map(summarizeX509)
    const written = options.write === undefined ? [] : await writeFirst(options.write, svids)
    const result = { svids: identities, federatesWith: Object.keys(federatedBundles).sort(), written }
    openOutput(context, options).result(result, (page) => {
      for (const [index, identity] of identities.entries()) {
        if (index > 0) page.line()
        printIdentity(page, identity, context.clock.now())
      }
      if (result.federatesWith.length > 0) page.fields([['federates with', result.federatesWith]])
      for (const path of written) page.line(`wrote ${path}`)
    })
  })
}
