/** The plugins this server is built with, and the choice among them that a configuration makes. */
import diskKeyManager from '@countersign/key-manager-disk'
import memoryKeyManager from '@countersign/key-manager-memory'
import joinToken from '@countersign/node-attestor-join-token/server'
import {
  ConfigError,
  type KeyManager,
  PluginCatalog,
  type PluginContext,
  type PluginType,
  type PluginTypes,
  type ServerNodeAttestor,
  type TokenProfile,
} from '@countersign/plugin-kit'
import accessToken from '@countersign/token-profile-access-token'
import jwtSvid from '@countersign/token-profile-jwt-svid'
import serviceAccount from '@countersign/token-profile-service-account'
import wit from '@countersign/token-profile-wit'

const CATALOG = new PluginCatalog([
  diskKeyManager,
  memoryKeyManager,
  joinToken,
  accessToken,
  jwtSvid,
  serviceAccount,
  wit,
])

/** A plugin whose configuration was checked, not created yet. */
export type ChosenPlugin<Plugin> = (context: PluginContext) => Plugin

export interface ServerPlugins {
  readonly keyManager: ChosenPlugin<KeyManager>
  /** By the name that agents give. */
  readonly nodeAttestors: ReadonlyMap<string, ChosenPlugin<ServerNodeAttestor>>
  /** All there are: without a rule that names it, none does anything. */
  readonly tokenProfiles: ReadonlyMap<string, ChosenPlugin<TokenProfile>>
}

interface PluginChoice {
  readonly name: string
  readonly config?: unknown
}

/** @throws ConfigError `ERR_CONFIG_INVALID` for an unknown or repeated name, or as the plugin's own parser */
export function parsePluginChoices(keyManager: PluginChoice, nodeAttestors: readonly PluginChoice[]): ServerPlugins {
  const chosen = new Map<string, ChosenPlugin<ServerNodeAttestor>>()
  for (const choice of nodeAttestors) {
    if (chosen.has(choice.name)) {
      throw new ConfigError('ERR_CONFIG_INVALID', `"nodeAttestors" names "${choice.name}" twice`)
    }
    chosen.set(choice.name, choose('node-attestor-server', choice))
  }
  const tokenProfiles = new Map(
    CATALOG.names('token-profile').map((name) => [name, choose('token-profile', { name })] as const),
  )
  return { keyManager: choose('key-manager', keyManager), nodeAttestors: chosen, tokenProfiles }
}

function choose<Type extends PluginType>(type: Type, choice: PluginChoice): ChosenPlugin<PluginTypes[Type]> {
  const descriptor = CATALOG.resolve(type, choice.name)
  const config = descriptor.parseConfig(choice.config)
  return (context) => descriptor.create(config, context)
}
