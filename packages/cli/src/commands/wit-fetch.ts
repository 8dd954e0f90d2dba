import { decodeUnverifiedJws, jwkThumbprint, parsePublicJwk } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { Command } from 'commander'
import { CliError } from '../cli-error.ts'
import type { CommandContext } from '../command-context.ts'
import { writeFiles } from '../files/write-files.ts'
import { parseIdentifier } from '../options/parse-identifier.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { timeText } from '../terminal/time-text.ts'
import { addVerb } from '../verb.ts'
import {
  addSocketOption,
  type EndpointOptions,
  firstMessage,
  withWorkloadApi,
} from '../workload-api/endpoint-option.ts'

interface Options extends EndpointOptions {
  readonly id?: string
  readonly write?: string
  readonly output: OutputFormat
}

export function addWitFetch(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'fetch', {
    does: 'fetch the workload identity tokens of this program; token and key are only ever written to files',
    example: 'wit fetch --write /run/my-service',
  })
    .option('--id <spiffe-id>', "which of the program's identities (default: all)", parseIdentifier)
    .option('--write <folder>', 'write wit.jwt and key.jwk (mode 0600) of the first identity')
  addSocketOption(command).action(async (options: Options) => {
    const request = options.id === undefined ? {} : { spiffeId: options.id }
    const { svids } = await withWorkloadApi(context, options, (client, signal) =>
      firstMessage(client.fetchWitSvid(request, signal)),
    )
    const identities = await Promise.all(svids.map(summarizeWit))
    const written = options.write === undefined ? [] : await writeFirst(options.write, svids)
    openOutput(context, options).result({ svids: identities, written }, (page) => {
      for (const [index, identity] of identities.entries()) {
        if (index > 0) page.line()
        page.fields([
          ['spiffe id', identity.spiffeId],
          ...(identity.hint === undefined ? [] : ([['hint', identity.hint]] as const)),
          ['expires', timeText(identity.expiresAt, context.clock.now())],
          ['key thumbprint', identity.thumbprint],
        ])
      }
      for (const path of written) page.line(`wrote ${path}`)
    })
  })
}

interface Svid {
  readonly spiffeId: string
  readonly witSvid: string
  readonly witSvidKey: string
  readonly hint: string
}

/** What may be told of a WIT: whose it is, until when, and which key it confirms (RFC 7638). */
async function summarizeWit(svid: Svid) {
  const { exp, cnf } = decodeUnverifiedJws(svid.witSvid).payload
  const jwk = parsePublicJwk((cnf as { readonly jwk?: unknown } | undefined)?.jwk)
  return {
    spiffeId: svid.spiffeId,
    ...(svid.hint === '' ? {} : { hint: svid.hint }),
    expiresAt: typeof exp === 'number' ? exp : 0,
    thumbprint: await jwkThumbprint(jwk, nodeCrypto),
  }
}

async function writeFirst(folder: string, [svid]: readonly Svid[]): Promise<readonly string[]> {
  if (svid === undefined) throw new CliError('ERR_CLI_FILE_NOT_WRITABLE', 'there is no identity to write')
  return writeFiles(folder, [
    { name: 'key.jwk', text: `${svid.witSvidKey}\n`, isPrivate: true },
    { name: 'wit.jwt', text: `${svid.witSvid}\n`, isPrivate: false },
  ])
}
