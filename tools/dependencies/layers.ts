/** Who may know whom. The direction of every arrow of the architecture, in one table. */

const PLUGIN_LAYER = 'plugins'
const ANYTHING = 'anything'

/** Layer to the layers it may import. A package of `packages/` that is not here may not be imported, nor import. */
const MAY_IMPORT: Readonly<Record<string, readonly string[] | typeof ANYTHING>> = {
  protocol: [],
  api: [],
  'plugin-kit': ['protocol'],
  telemetry: ['protocol', 'plugin-kit'],
  [PLUGIN_LAYER]: ['plugin-kit', 'protocol', 'api', 'workload-api'],
  'workload-api': ['protocol'],
  server: ['protocol', 'plugin-kit', 'telemetry', PLUGIN_LAYER, 'api'],
  agent: ['protocol', 'plugin-kit', 'telemetry', PLUGIN_LAYER, 'workload-api', 'api'],
  sdk: ['protocol', 'workload-api'],
  proxy: ['protocol', 'sdk'],
  testing: ['protocol'],
  cli: ANYTHING,
}

/** The layer of a workspace folder: all plugins are one; what lies outside `packages/` has none and is free. */
export function layerOf(folder: string): string | undefined {
  const [top, name] = folder.split('/')
  return top === 'packages' ? name : undefined
}

export function isKnownLayer(layer: string): boolean {
  return layer in MAY_IMPORT
}

export function mayImport(from: string, to: string): boolean {
  const allowed = MAY_IMPORT[from]
  return allowed === ANYTHING || (allowed?.includes(to) ?? false)
}

/** What a layer may import, for a message. */
export function describeAllowed(layer: string): string {
  const allowed = MAY_IMPORT[layer]
  if (allowed === ANYTHING) return ANYTHING
  return allowed === undefined || allowed.length === 0 ? 'nothing of ours' : allowed.join(', ')
}

/** A node attestor has two halves, and each program loads one: `<plugin>/agent` and `<plugin>/server`. */
export function isForeignHalf(fromLayer: string, targetFolder: string, subpath: string): boolean {
  if (!targetFolder.startsWith('packages/plugins/node-attestor/')) return false
  return (fromLayer === 'server' && subpath === './agent') || (fromLayer === 'agent' && subpath === './server')
}
