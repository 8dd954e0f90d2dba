import { basename, dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { decodeUnverifiedJws } from '@countersign/protocol'
import { type Command, Option } from 'commander'
import { CLOUDS, type Cloud, type CloudName } from '../cloud/clouds.ts'
import { fetchToken, type TokenOptions } from '../cloud/fetch-token.ts'
import { type HeldToken, keepTokenFile } from '../cloud/keep-token-file.ts'
import { validateToken } from '../cloud/validate-token.ts'
import type { CommandContext } from '../command-context.ts'
import { writeFiles } from '../files/write-files.ts'
import { parseIdentifier } from '../options/parse-identifier.ts'
import type { OutputFormat } from '../output.ts'
import { printable } from '../terminal/printable.ts'
import { timeText } from '../terminal/time-text.ts'
import { addVerb } from '../verb.ts'
import { addSocketOption } from '../workload-api/endpoint-option.ts'

interface Options extends TokenOptions {
  readonly audience: string
  readonly file: string
  readonly for?: CloudName
  readonly output: OutputFormat
}

export function addJwtWatch(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'watch', {
    does: 'keep a fresh JWT-SVID in a file (mode 0600), until interrupted: for programs that read a token from one',
    example: [
      'jwt watch --audience https://vault.example --file /run/app/token',
      'jwt watch --for azure --audience api://AzureADTokenExchange --file /run/app/azure-token',
    ],
  })
    .requiredOption('--audience <name>', 'who will accept the token')
    .requiredOption('--file <path>', 'the file; it is replaced in one step, and holds the token and nothing else')
    .option('--id <spiffe-id>', "which of the program's identities (default: the first)", parseIdentifier)
    .addOption(new Option('--for <cloud>', 'refuse tokens that this cloud would refuse').choices(Object.keys(CLOUDS)))
  addSocketOption(command).action(async (options: Options) => {
    const { audience, file, output } = options
    const cloud: Cloud | undefined = options.for === undefined ? undefined : CLOUDS[options.for]
    const warn = createShortLifeWarning(context)
    const stop = new AbortController()
    const forget = context.signals.onTerminate(() => stop.abort())
    try {
      await keepTokenFile({
        fetch: async () => readToken(await fetchToken(context, options, audience), cloud, warn),
        // No line feed at the end: most SDKs send the file as it is.
        write: async (text) => {
          await writeFiles(dirname(file), [{ name: basename(file), text, isPrivate: true }])
        },
        now: () => context.clock.now(),
        wait: (seconds, signal) => pause(seconds * 1000, undefined, { signal }).catch(() => {}),
        signal: stop.signal,
        onWritten: ({ expiresAt }) => printWritten(context, file, expiresAt, output),
        onFailed: (error) =>
          context.stderr.write(`token is not renewed (${printable((error as Error).message)}), trying again\n`),
      })
    } finally {
      forget()
    }
  })
}

type Warn = (lifetime: number, cloud: Cloud) => void

function readToken(token: string, cloud: Cloud | undefined, warn: Warn): HeldToken {
  if (cloud !== undefined) {
    const read = validateToken(token, cloud)
    warn(read.lifetime, cloud)
    return read
  }
  const { exp } = decodeUnverifiedJws(token).payload
  return { token, expiresAt: typeof exp === 'number' ? exp : 0 }
}

/** Says once that an SDK may go on with a token that has ended. The file is replaced at half of a token's life. */
function createShortLifeWarning({ stderr }: CommandContext): Warn {
  let isSaid = false
  return (lifetime, { title, tokenFileMemory = 0 }) => {
    if (isSaid || lifetime >= 2 * tokenFileMemory) return
    isSaid = true
    stderr.write(
      `warning: tokens live for ${lifetime} s, and SDKs of ${title} go on for ${tokenFileMemory} s with what they read; ` +
        `give the entry a --jwt-svid-ttl of ${2 * tokenFileMemory} s or more\n`,
    )
  }
}

function printWritten({ stdout, clock }: CommandContext, file: string, expiresAt: number, output: OutputFormat): void {
  stdout.write(
    output === 'json'
      ? `${JSON.stringify({ event: 'written', file, expiresAt })}\n`
      : `wrote ${printable(file)}, valid until ${timeText(expiresAt, clock.now())}\n`,
  )
}
