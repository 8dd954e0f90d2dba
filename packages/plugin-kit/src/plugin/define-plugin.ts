import type { Logger } from '../logging/logger.ts'
import type { Clock } from './clock.ts'
import type { KeyManager } from './key-manager.ts'
import type { AgentNodeAttestor, ServerNodeAttestor } from './node-attestor.ts'
import type { TokenProfile } from './token-profile.ts'
import type { UpstreamAuthority } from './upstream-authority.ts'
import type { WorkloadAttestor } from './workload-attestor.ts'

/** Plugin types and what each creates. A new type is one line here, one interface file and one contract suite. */
export interface PluginTypes {
  'key-manager': KeyManager
  'node-attestor-agent': AgentNodeAttestor
  'node-attestor-server': ServerNodeAttestor
  'token-profile': TokenProfile
  'upstream-authority': UpstreamAuthority
  'workload-attestor': WorkloadAttestor
}

export type PluginType = keyof PluginTypes

/** What a program hands every plugin it creates. Plugins read no clock and open no log of their own. */
export interface PluginContext {
  readonly clock: Clock
  readonly log: Logger
  /** Absolute path of a folder that only this program uses; the plugin may create files below it. */
  readonly dataDir: string
  /** Absolute path of the config file's folder, which relative paths in a plugin's configuration resolve against. */
  readonly configDir?: string
  /** Name of the trust domain that a server is of. */
  readonly trustDomain?: string
}

/**
 * Describes one plugin: configuration is parsed once, without side effects, so that `validate` can run it alone;
 * `create` may then open files and sockets.
 */
export interface PluginDescriptor<Type extends PluginType = PluginType, Config = unknown> {
  readonly type: Type
  readonly name: string
  readonly apiVersion: 1
  /** @throws ConfigError with the path of the first wrong key */
  parseConfig(config: unknown): Config
  create(config: Config, context: PluginContext): PluginTypes[Type]
}

export function definePlugin<Type extends PluginType, Config>(
  descriptor: PluginDescriptor<Type, Config>,
): PluginDescriptor<Type, Config> {
  return Object.freeze(descriptor)
}
