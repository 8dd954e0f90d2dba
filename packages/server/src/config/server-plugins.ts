/** The plugins this server is built with, and the choice among them that a configuration makes. */
import diskKeyManager from '@countersign/key-manager-disk'
import memoryKeyManager from '@countersign/key-manager-memory'
import pkcs11KeyManager from '@countersign/key-manager-pkcs11'
import joinToken from '@countersign/node-attestor-join-token/server'
import {
  ConfigError,
  type KeyManager,
  PluginCatalog,
  type PluginContext,
  type PluginType,
  type PluginTypes,
  type ServerNodeAttestor,
} from '@countersign/plugin-kit'

const CATALOG = new PluginCatalog([diskKeyManager, memoryKeyManager, pkcs11KeyManager, joinToken])

/** A plugin whose configuration was checked, not created yet. */
export type ChosenPlugin<Plugin> = (context: PluginContext) => Plugin

export interface ServerPlugins {
  readonly keyManager: ChosenPlugin<KeyManager>
  /** By the name that agents give. */
  readonly nodeAttestors: ReadonlyMap<string, ChosenPlugin<ServerNodeAttestor>>
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
  return { keyManager: choose('key-manager', keyManager), nodeAttestors: chosen }
}

function choose<Type extends PluginType>(type: Type, choice: PluginChoice): ChosenPlugin<PluginTypes[Type]> {
  const descriptor = CATALOG.resolve(type, choice.name)
  const config = descriptor.parseConfig(choice.config)
  return (context) => descriptor.create(config, context)
}
