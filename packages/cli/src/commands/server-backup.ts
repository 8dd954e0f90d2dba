import type { Command } from 'commander'
import { download } from '../admin/download.ts'
import { type AdminOptions, addLocalSocketOption, adminSocketOf } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { readPassphrase } from '../files/read-passphrase.ts'
import { writePrivateStream } from '../files/write-stream.ts'
import type { ServerData } from '../heavy-modules.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { timeText } from '../terminal/time-text.ts'
import { addVerb } from '../verb.ts'

interface BackupOptions extends AdminOptions {
  readonly outputFile: string
  readonly config?: string
  readonly passphraseFile?: string
  readonly output: OutputFormat
}

/** The server copies its store first, which takes a while for a large one. */
const PATIENCE_SECONDS = 300

export function addServerBackup(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'backup', {
    does: 'put everything a server needs into one file, while it runs or not',
    example: [
      'server backup --output-file server.backup --passphrase-file passphrase',
      'server backup --output-file server.backup --config server.yaml',
    ],
  })
    .requiredOption('--output-file <path>', 'a file that does not exist yet; it is made for its owner only')
    .option('--config <file>', "the server's configuration: for a server that may be stopped")
    .option('--passphrase-file <path>', 'encrypt under the passphrase on the first line of this file')
  addLocalSocketOption(command).action(async (options: BackupOptions) => {
    const data = await context.modules.serverData()
    const passphrase = options.passphraseFile === undefined ? undefined : await readPassphrase(options.passphraseFile)
    const { manifest, content } = await data.readManifest(await openSource(context, options, data))
    const sealed = passphrase === undefined ? content : data.encryptStream(content, passphrase)
    const size = await writePrivateStream(options.outputFile, sealed)
    const { files, ...described } = manifest
    const encrypted = passphrase !== undefined
    if (manifest.keysIncluded && !encrypted) {
      context.stderr.write(
        'warning: the backup holds private signing keys in the clear; whoever reads it can sign as this trust domain\n',
      )
    }
    if (!manifest.keysIncluded) {
      context.stderr.write(
        'warning: signing keys are not in the backup: the key manager keeps them elsewhere, or does not keep them\n',
      )
    }
    const result = { file: options.outputFile, size, encrypted, ...described, files: files.length }
    openOutput(context, options).result(result, (page) =>
      page.fields([
        ['backup', options.outputFile],
        ['size', `${size} bytes in ${files.length} files${encrypted ? ', encrypted' : ''}`],
        ['trust domain', manifest.trustDomain],
        ['as of', timeText(manifest.createdAt, context.clock.now())],
        ['revision', String(manifest.revision)],
        ['signing keys', manifest.keysIncluded ? 'included' : 'not included'],
      ]),
    )
  })
}

/** Of the running server if there is one; else, where the configuration tells the data folder, of that. */
async function openSource(
  context: CommandContext,
  options: BackupOptions,
  data: ServerData,
): Promise<AsyncIterable<Uint8Array>> {
  if (options.config === undefined) {
    return download(adminSocketOf(context, options), '/v1/backup', PATIENCE_SECONDS)
  }
  const config = await data.loadServerConfig(options.config, context.env)
  try {
    return (await data.backUpStopped(config, context.clock.now())).content
  } catch (error) {
    if ((error as { readonly code?: string }).code !== 'ERR_STORE_LOCKED') throw error
    return download(options.adminSocket ?? config.admin.socket, '/v1/backup', PATIENCE_SECONDS)
  }
}
