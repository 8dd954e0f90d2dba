/** Upstream authority `disk`: a root or an intermediate whose certificate and key are files. */
import { resolve } from 'node:path'
import { definePlugin, parseConfig } from '@countersign/plugin-kit'
import { DiskConfig } from './disk-config.ts'
import { DiskUpstreamAuthority } from './disk-upstream-authority.ts'

export { DiskUpstreamAuthority, type DiskUpstreamAuthorityOptions } from './disk-upstream-authority.ts'

export default definePlugin({
  type: 'upstream-authority',
  name: 'disk',
  apiVersion: 1,
  parseConfig: (config) => parseConfig(DiskConfig, config, { path: 'upstreamAuthority.config' }),
  create: ({ certFile, keyFile, rootsFile, pathLength }, { clock, dataDir, configDir = dataDir }) =>
    new DiskUpstreamAuthority({
      clock,
      pathLength,
      certFile: resolve(configDir, certFile),
      keyFile: resolve(configDir, keyFile),
      rootsFile: rootsFile === undefined ? undefined : resolve(configDir, rootsFile),
    }),
})
