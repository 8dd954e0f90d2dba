import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { ServerConfig } from '../config/server-config.ts'
import type { EntryDirectory } from '../registration/entry-directory.ts'
import { DownstreamEntries } from '../store/downstream-entries.ts'
import type { Store } from '../store/store.ts'
import { DownstreamAuthentication } from './downstream-authentication.ts'
import { DownstreamAuthorities, type DownstreamAuthoritiesOptions } from './downstream-authorities.ts'

/** What the parts for servers below are made of. */
type Surroundings = Pick<
  DownstreamAuthoritiesOptions,
  'authorities' | 'certificates' | 'bundles' | 'keys' | 'audit' | 'clock'
> & { readonly store: Store; readonly directory: EntryDirectory }

/** As long as any key of ours may be configured to sign. */
const MAX_KEY_TTL_SECONDS = 3650 * 86_400

export function openDownstream(
  { trustDomain, downstream: { caTtl, pathLength } }: ServerConfig,
  { store, directory, ...parts }: Surroundings,
): { readonly downstream: DownstreamAuthorities; readonly downstreamAuthentication: DownstreamAuthentication } {
  const { authorities, audit, clock } = parts
  const common = { crypto: nodeCrypto, trustDomain }
  return {
    downstreamAuthentication: new DownstreamAuthentication({
      ...common,
      ...{ audit, clock, entries: new DownstreamEntries(store, directory), authorities: () => authorities.list() },
    }),
    downstream: new DownstreamAuthorities({
      ...parts,
      ...common,
      ...{ caTtlSeconds: caTtl, pathLength, keyTtlSeconds: MAX_KEY_TTL_SECONDS },
    }),
  }
}
