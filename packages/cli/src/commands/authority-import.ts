import type { AuthorityView, ImportAuthority } from '@countersign/api'
import { encodeBase64 } from '@countersign/protocol'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import { CliError } from '../cli-error.ts'
import type { CommandContext } from '../command-context.ts'
import { holdsPrivateKey, pemCertificates } from '../files/pem.ts'
import { readFileLimited } from '../files/read-input.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printAuthority } from './authority-page.ts'

interface Options extends AdminOptions {
  readonly certificate: string
  readonly root?: string
  readonly output: OutputFormat
}

const MAX_PEM_BYTES = 256 * 1024

export function addAuthorityImport(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'import', {
    does: 'bring the certificate of an authority that was signed by hand',
    example: 'authority import x509-0123456789abcdef0123456789abcdef --certificate ca.pem --root root.pem',
  })
    .argument('<authority>', 'its name, as `authority prepare --csr-file` showed it')
    .requiredOption('--certificate <file>', 'PEM: its certificate, then those that lead up from it')
    .option('--root <file>', 'PEM: the root above it, when that is not at the end of --certificate')
  addAdminSocketOption(command).action(async (id: string, options: Options) => {
    const chain = await readCertificates(options.certificate)
    const roots = options.root === undefined ? [] : await readCertificates(options.root)
    if (roots.length > 1) throw new CliError('ERR_CLI_FILE_MALFORMED', `file ${options.root} holds more than one root`)
    const [root] = roots
    const body: ImportAuthority = { id, chain, ...(root !== undefined && { root }) }
    const view = await openAdminClient(context, options).post<AuthorityView>('/v1/authorities/import', body)
    openOutput(context, options).result(view, (page) => printAuthority(page, view, context.clock.now()))
  })
}

async function readCertificates(path: string): Promise<string[]> {
  const text = (await readFileLimited(path, MAX_PEM_BYTES)).toString('latin1')
  // It would be sent nowhere, but it does not belong in such a file, and somebody should hear of it.
  if (holdsPrivateKey(text)) throw new CliError('ERR_CLI_FILE_MALFORMED', `file ${path} holds a private key`)
  const certificates = pemCertificates(text)
  if (certificates.length === 0) throw new CliError('ERR_CLI_FILE_MALFORMED', `file ${path} holds no PEM certificate`)
  return certificates.map(encodeBase64)
}
