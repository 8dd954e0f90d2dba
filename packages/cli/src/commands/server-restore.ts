import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { CliError } from '../cli-error.ts'
import type { CommandContext } from '../command-context.ts'
import { readPassphrase } from '../files/read-passphrase.ts'
import { type OutputFormat, openOutput, type Page } from '../output.ts'
import { timeText } from '../terminal/time-text.ts'
import { addVerb } from '../verb.ts'

interface RestoreCommandOptions {
  readonly from: string
  readonly dataDir: string
  readonly passphraseFile?: string
  readonly force?: true
  readonly resume?: true
  readonly output: OutputFormat
}

export function addServerRestore(parent: Command, context: CommandContext): void {
  addVerb(parent, 'restore', {
    does: 'put a backup in place of the data of a stopped server',
    example: 'server restore --from server.backup --data-dir /var/lib/countersign',
  })
    .requiredOption('--from <path>', 'what `server backup` wrote')
    .requiredOption('--data-dir <folder>', '`dataDir` of the server; run this as the user that runs the server')
    .option('--passphrase-file <path>', 'passphrase of an encrypted backup, on the first line of this file')
    .option('--force', 'also into a folder with data, which is moved aside')
    .option('--resume', 'let the server issue at once: nothing was banned, tainted or revoked since the backup')
    .action(async (options: RestoreCommandOptions) => {
      const data = await context.modules.serverData()
      const { from, dataDir, passphraseFile, force = false, resume = false } = options
      const passphrase = passphraseFile === undefined ? undefined : await readPassphrase(passphraseFile)
      const { now } = context.clock
      const clock = { now, schedule: () => () => {} }
      const source = readBackup(from)
      const result = await data.restoreBackup({ source, dataDir: resolve(dataDir), passphrase, force, resume, clock })
      openOutput(context, options).result(describe(result), (page) => print(page, result, resume, now()))
    })
}

type Result = Awaited<ReturnType<typeof import('@countersign/server')['restoreBackup']>>

function describe(result: Result) {
  if (result.outcome === 'finished-earlier') return result
  const { manifest, ...rest } = result
  const { files, ...described } = manifest
  return { ...rest, backup: { ...described, files: files.length } }
}

function print(page: Page, result: Result, resume: boolean, now: number): void {
  if (result.movedAside !== undefined) {
    page.line(`what was there before is in ${result.movedAside}; delete it when you are sure: it holds private keys`)
  }
  if (result.outcome === 'finished-earlier') {
    page.line('finished a restore that had been cut short; run this again with --force to restore another backup')
    return
  }
  const { manifest, revision, highWaterKnown } = result
  page.fields([
    ['trust domain', manifest.trustDomain],
    ['as of', timeText(manifest.createdAt, now)],
    [
      'revision',
      `${manifest.revision}, goes on at ${revision}${highWaterKnown ? '' : ' (a leap: how far it had come is not known)'}`,
    ],
    [
      'signing keys',
      manifest.keysIncluded ? 'restored' : 'not in the backup; the server makes others where they are missing',
    ],
  ])
  if (resume) return
  page.line(
    '\nThe server issues nothing until you say so. Start it, repeat the bans, evictions, taints and revocations that',
  )
  page.line('were made since the backup, then run:\n  countersign server resume restore')
}

async function* readBackup(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path) as AsyncIterable<Buffer>
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new CliError('ERR_CLI_FILE_NOT_FOUND', `file ${path} does not exist`, { cause })
    throw new CliError('ERR_CLI_FILE_UNREADABLE', `file ${path} cannot be read`, { cause, detail: code ?? '' })
  }
}
