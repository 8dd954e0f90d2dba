import { encodePem } from '@countersign/protocol'
import type { Command } from 'commander'
import { CliError } from '../cli-error.ts'
import type { CommandContext } from '../command-context.ts'
import { privateKeyPem } from '../files/pem.ts'
import { writeFiles } from '../files/write-files.ts'
import { type OutputFormat, openOutput, type Page } from '../output.ts'
import { timeText } from '../terminal/time-text.ts'
import { addVerb } from '../verb.ts'
import {
  addSocketOption,
  type EndpointOptions,
  firstMessage,
  withWorkloadApi,
} from '../workload-api/endpoint-option.ts'
import { splitDer } from '../workload-api/split-der.ts'
import { summarizeX509, type X509Summary } from '../workload-api/x509-summary.ts'

interface Options extends EndpointOptions {
  readonly write?: string
  readonly output: OutputFormat
}

export function addX509Fetch(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'fetch', {
    does: 'fetch the X509-SVIDs of this program; the key is only ever written to a file',
    example: 'x509 fetch --write /run/my-service',
  }).option('--write <folder>', 'write svid.pem, key.pem (mode 0600) and bundle.pem of the first identity')
  addSocketOption(command).action(async (options: Options) => {
    const { svids, federatedBundles } = await withWorkloadApi(context, options, (client, signal) =>
      firstMessage(client.fetchX509Svid(signal)),
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

type Svids = readonly { readonly x509Svid: Uint8Array; readonly x509SvidKey: Uint8Array; readonly bundle: Uint8Array }[]

/** The first identity is the default one. SPIFFE Workload API section 5.2.1. */
export async function writeFirst(folder: string, [svid]: Svids): Promise<readonly string[]> {
  if (svid === undefined) throw new CliError('ERR_CLI_FILE_NOT_WRITABLE', 'there is no identity to write')
  return writeFiles(folder, [
    { name: 'key.pem', text: privateKeyPem(svid.x509SvidKey), isPrivate: true },
    { name: 'svid.pem', text: encodePem(splitDer(svid.x509Svid)), isPrivate: false },
    { name: 'bundle.pem', text: encodePem(splitDer(svid.bundle)), isPrivate: false },
  ])
}

export function printIdentity(page: Page, identity: X509Summary, now: number): void {
  page.fields([
    ['spiffe id', identity.spiffeId],
    ...(identity.hint === undefined ? [] : ([['hint', identity.hint]] as const)),
    ['expires', timeText(identity.expiresAt, now)],
    ['serial', identity.serialNumber],
    ['chain', identity.chain.map(({ subject, issuer }) => `${subject}, issued by ${issuer}`)],
    ['trusted roots', String(identity.rootCount)],
  ])
}
