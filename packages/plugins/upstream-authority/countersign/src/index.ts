/** Upstream authority `countersign`: another Countersign server of the same trust domain, above this one. */
import { ConfigError, definePlugin, parseConfig } from '@countersign/plugin-kit'
import { parseEndpointAddress } from '@countersign/workload-api/server'
import { CountersignConfig } from './countersign-config.ts'
import { CountersignUpstreamAuthority } from './countersign-upstream-authority.ts'
import { WorkloadIdentity } from './workload-identity.ts'

export { CountersignUpstreamAuthority } from './countersign-upstream-authority.ts'
export type { IdentitySource } from './workload-identity.ts'

const PATH = 'upstreamAuthority.config'

export default definePlugin({
  type: 'upstream-authority',
  name: 'countersign',
  apiVersion: 1,
  parseConfig: (config) => {
    const parsed = parseConfig(CountersignConfig, config, { path: PATH })
    if (!URL.canParse(parsed.serverUrl)) throw new ConfigError('ERR_CONFIG_INVALID', `"${PATH}.serverUrl" is no URL`)
    try {
      parseEndpointAddress(parsed.workloadApi)
    } catch (cause) {
      throw new ConfigError('ERR_CONFIG_INVALID', `"${PATH}.workloadApi": ${(cause as Error).message}`, { cause })
    }
    return parsed
  },
  create: ({ serverUrl, workloadApi, spiffeId }, { clock }) =>
    new CountersignUpstreamAuthority({
      url: new URL(serverUrl),
      identity: new WorkloadIdentity({ address: workloadApi, spiffeId, clock }),
      clock,
    }),
})
