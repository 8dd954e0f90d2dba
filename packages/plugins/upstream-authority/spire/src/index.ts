/** Upstream authority `spire`: a SPIRE server of the same trust domain, above this one. */
import { ConfigError, definePlugin, type Logger, parseConfig, type UpstreamAuthority } from '@countersign/plugin-kit'
import { parseEndpointAddress } from '@countersign/workload-api/server'
import { LazyUpstreamAuthority, type TrustDomainUpstream } from './lazy-upstream-authority.ts'
import { SpireConfig } from './spire-config.ts'
import type { SpireServerOptions } from './spire-server.ts'

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
    new LazyUpstreamAuthority(() => load({ ...config, clock }, log)),
})

async function load(options: SpireServerOptions, log: Logger): Promise<TrustDomainUpstream> {
  const { openSpireUpstreamAuthority } = await import('./spire-upstream-authority.ts')
  return openSpireUpstreamAuthority(options, log)
}
