import type { BundleList } from '@countersign/api'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'
import { countKeys } from './bundle-page.ts'

export function addBundleList(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'list', { does: 'list the trust bundles the server holds', example: 'bundle list' })
  addAdminSocketOption(command).action(async (options: AdminOptions & { readonly output: OutputFormat }) => {
    const list = await openAdminClient(context, options).get<BundleList>('/v1/bundles')
    openOutput(context, options).result(list, (page) => {
      if (list.bundles.length === 0) return page.line('no bundles')
      page.table(
        ['trust domain', 'sequence', 'x509 roots', 'jwt keys', 'wit keys'],
        list.bundles.map(({ trustDomain, bundle }) => [
          trustDomain,
          String(bundle.spiffe_sequence ?? 'none'),
          String(countKeys(bundle.keys, 'x509-svid')),
          String(countKeys(bundle.keys, 'jwt-svid')),
          String(countKeys(bundle.keys, 'wit-svid')),
        ]),
      )
    })
  })
}
