/** Upstream authority `spire`: a SPIRE server of the same trust domain, above this one. */
import { ConfigError, definePlugin, parseConfig, type UpstreamAuthority } from '@countersign/plugin-kit'
import { parseEndpointAddress } from '@countersign/workload-api/server'
import { LazyUpstreamAuthority } from './lazy-upstream-authority.ts'
import { SpireConfig } from './spire-config.ts'

const PATH = 'upstreamAuthority.config'

export default definePlugin({
  type: 'upstream-authority',
  name: 'spire',
  apiVersion: 1,
  parseConfig: (config) => {
    const parsed = parseConfig(SpireConfig, config, { path: PATH })
    try {
      parseEndpointAddress(parsed.workloadApi)
    } catch (cause) {
      throw new ConfigError('ERR_CONFIG_INVALID', `"${PATH}.workloadApi": ${(cause as Error).message}`, { cause })
    }
    return parsed
  },
  create: (config, { clock, log }): UpstreamAuthority =>
    new LazyUpstreamAuthority(async () => {
      const { SpireServer } = await import('./spire-server.ts')
      const { SpireUpstreamAuthority } = await import('./spire-upstream-authority.ts')
      return new SpireUpstreamAuthority(new SpireServer({ ...config, clock }), log)
    }),
})
