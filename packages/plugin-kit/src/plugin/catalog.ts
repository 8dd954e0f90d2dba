/** The plugins a program can be configured to use. */
import { ConfigError } from '../config/config-error.ts'
import { suggestion } from '../config/nearest-name.ts'
import type { PluginDescriptor, PluginType } from './define-plugin.ts'

/** The version of the plugin interfaces in this package. */
export const PLUGIN_API_VERSION = 1

const PLUGIN_TYPES: readonly PluginType[] = [
  'key-manager',
  'node-attestor-agent',
  'node-attestor-server',
  'token-profile',
  'upstream-authority',
  'workload-attestor',
]

/** Plugins by type and name; made once at start-up from the descriptors a program was built or configured with. */
export class PluginCatalog {
  readonly #byType = new Map<PluginType, Map<string, PluginDescriptor>>()

  /**
   * @param descriptors default exports of plugin packages
   * @throws ConfigError `ERR_CONFIG_INVALID` for something that is no descriptor, one made for another version of the
   *   interfaces, or a second plugin with the type and name of another
   */
  constructor(descriptors: Iterable<PluginDescriptor>) {
    for (const descriptor of descriptors) this.#add(requireDescriptor(descriptor))
  }

  /** Names of all plugins of a type, sorted. */
  names(type: PluginType): readonly string[] {
    return [...(this.#byType.get(type)?.keys() ?? [])].sort()
  }

  /** @throws ConfigError `ERR_CONFIG_INVALID` naming the known plugins of that type and the nearest of them */
  resolve<Type extends PluginType>(type: Type, name: string): PluginDescriptor<Type> {
    const descriptor = this.#byType.get(type)?.get(name)
    // Filed under its own type, so the descriptor's type is the one asked for.
    if (descriptor !== undefined) return descriptor as PluginDescriptor as PluginDescriptor<Type>
    const known = this.names(type)
    const list = known.length === 0 ? 'none is installed' : `known: ${known.join(', ')}`
    throw new ConfigError(
      'ERR_CONFIG_INVALID',
      `no ${type} plugin is named ${JSON.stringify(name)}${suggestion(name, known)} (${list})`,
    )
  }

  #add(descriptor: PluginDescriptor): void {
    const plugins = this.#byType.get(descriptor.type) ?? new Map<string, PluginDescriptor>()
    if (plugins.has(descriptor.name)) {
      throw new ConfigError('ERR_CONFIG_INVALID', `two ${descriptor.type} plugins are named "${descriptor.name}"`)
    }
    this.#byType.set(descriptor.type, plugins.set(descriptor.name, descriptor))
  }
}

/** Plugins come from packages this one was not compiled with, so the type system promises nothing. */
function requireDescriptor(value: unknown): PluginDescriptor {
  const descriptor = (typeof value === 'object' && value !== null ? value : {}) as Partial<PluginDescriptor>
  const { type, name, apiVersion } = descriptor
  if (typeof name !== 'string' || !PLUGIN_TYPES.some((known) => known === type)) {
    throw new ConfigError('ERR_CONFIG_INVALID', 'a package in the plugin list does not export a plugin descriptor')
  }
  if (apiVersion !== PLUGIN_API_VERSION) {
    throw new ConfigError(
      'ERR_CONFIG_INVALID',
      `${type} plugin "${name}" is made for plugin interface ${apiVersion}, this program has ${PLUGIN_API_VERSION}`,
    )
  }
  if (typeof descriptor.parseConfig !== 'function' || typeof descriptor.create !== 'function') {
    throw new ConfigError('ERR_CONFIG_INVALID', `${type} plugin "${name}" lacks parseConfig or create`)
  }
  return descriptor as PluginDescriptor
}
