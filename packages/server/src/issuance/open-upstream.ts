import type { Clock, Logger, PluginContext } from '@countersign/plugin-kit'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { Closers } from '../closers.ts'
import type { ServerConfig } from '../config/server-config.ts'
import type { DownstreamKeyStore } from '../store/downstream-key-store.ts'
import type { UpstreamStore } from '../store/upstream-store.ts'
import { UpstreamLink } from './upstream-link.ts'

interface UpstreamSurroundings {
  readonly store: UpstreamStore
  readonly downstreamKeys: DownstreamKeyStore
  readonly context: PluginContext
  readonly clock: Clock
  readonly log: Logger
}

/** A server that has no upstream any more publishes no more of it than its authorities need. */
export async function openUpstream(
  { plugins, trustDomain }: ServerConfig,
  { store, downstreamKeys, context, clock, log }: UpstreamSurroundings,
  closers: Closers,
): Promise<UpstreamLink | undefined> {
  if (plugins.upstreamAuthority === undefined) {
    await store.forget()
    return undefined
  }
  const { name, create } = plugins.upstreamAuthority
  const upstream = create(context)
  closers.add(() => upstream.close())
  const keys = () => downstreamKeys.list()
  return UpstreamLink.open({ upstream, name, store, downstreamKeys: keys, crypto: nodeCrypto, clock, log, trustDomain })
}
