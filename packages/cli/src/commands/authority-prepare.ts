import { basename, dirname } from 'node:path'
import type { AuthorityKind, AuthorityRequestView, AuthorityView, PrepareAuthority } from '@countersign/api'
import { decodeBase64 } from '@countersign/protocol'
import { Argument, type Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import { CliError } from '../cli-error.ts'
import type { CommandContext } from '../command-context.ts'
import { pemBlock } from '../files/pem.ts'
import { writeFiles } from '../files/write-files.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printAuthority } from './authority-page.ts'

const KINDS = ['x509', 'jwt', 'wit', 'oauth'] as const satisfies readonly AuthorityKind[]

interface Options extends AdminOptions {
  readonly csrFile?: string
  readonly output: OutputFormat
}

export function addAuthorityPrepare(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'prepare', {
    does: 'publish a new signing key, to be activated once everyone knows it',
    example: ['authority prepare x509', 'authority prepare x509 --csr-file ca.csr'],
  })
    .addArgument(new Argument('<kind>', 'what it signs').choices(KINDS))
    .option(
      '--csr-file <file>',
      'x509 only: write a request for its certificate, to be signed by hand and brought back with `authority import`',
    )
  addAdminSocketOption(command).action(async (kind: AuthorityKind, options: Options) => {
    const { csrFile } = options
    const view = csrFile === undefined ? await prepare(kind) : await request(kind, csrFile)
    openOutput(context, options).result(view, (page) => {
      printAuthority(page, view, context.clock.now())
      if (csrFile === undefined) return
      page.line(`Have ${csrFile} signed, then: countersign authority import ${view.id} --certificate FILE --root FILE`)
    })

    function prepare(kind: AuthorityKind): Promise<AuthorityView> {
      const body = { kind } satisfies PrepareAuthority
      return openAdminClient(context, options).post<AuthorityView>('/v1/authorities/prepare', body)
    }

    async function request(kind: AuthorityKind, file: string): Promise<AuthorityView> {
      if (kind !== 'x509')
        throw new CliError('ERR_CLI_USAGE', '--csr-file is for x509 only: other keys have no certificate')
      const client = openAdminClient(context, options)
      const { authority, csr } = await client.post<AuthorityRequestView>('/v1/authorities/request', {})
      const text = pemBlock('CERTIFICATE REQUEST', decodeBase64(csr))
      await writeFiles(dirname(file), [{ name: basename(file), text, isPrivate: false }])
      return authority
    }
  })
}
