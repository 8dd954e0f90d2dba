/** The plugins this agent is built with, and the choice among them that a configuration makes. */
import joinToken from '@countersign/node-attestor-join-token/agent'
import {
  type AgentNodeAttestor,
  ConfigError,
  PluginCatalog,
  type PluginContext,
  type PluginType,
  type PluginTypes,
  type WorkloadAttestor,
} from '@countersign/plugin-kit'
import unix from '@countersign/workload-attestor-unix'

/** A plugin whose configuration was checked, not created yet. */
export interface ChosenPlugin<Plugin> {
  readonly name: string
  create(context: PluginContext): Plugin
}

export interface AgentPlugins {
  readonly nodeAttestor: ChosenPlugin<AgentNodeAttestor>
  readonly workloadAttestors: readonly ChosenPlugin<WorkloadAttestor>[]
}

interface PluginChoice {
  readonly name: string
  readonly config?: unknown
}

/** @throws ConfigError `ERR_CONFIG_INVALID` for an unknown or repeated name, or as the plugin's own parser */
export function parsePluginChoices(
  nodeAttestor: PluginChoice,
  workloadAttestors: readonly PluginChoice[],
): AgentPlugins {
  const names = workloadAttestors.map(({ name }) => name)
  const repeated = names.find((name, index) => names.indexOf(name) !== index)
  if (repeated !== undefined) {
    throw new ConfigError('ERR_CONFIG_INVALID', `"workloadAttestors" names "${repeated}" twice`)
  }
  const catalog = new PluginCatalog([joinToken, unix])
  return {
    nodeAttestor: choose(catalog, 'node-attestor-agent', nodeAttestor),
    workloadAttestors: workloadAttestors.map((choice) => choose(catalog, 'workload-attestor', choice)),
  }
}

function choose<Type extends PluginType>(
  catalog: PluginCatalog,
  type: Type,
  choice: PluginChoice,
): ChosenPlugin<PluginTypes[Type]> {
  const descriptor = catalog.resolve(type, choice.name)
  const config = descriptor.parseConfig(choice.config)
  return { name: choice.name, create: (context) => descriptor.create(config, context) }
}
