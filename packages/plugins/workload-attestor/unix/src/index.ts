/** Workload attestor `unix`: what the Linux kernel says about a process. */
import { definePlugin } from '@countersign/plugin-kit'
import { parseUnixConfig } from './unix-config.ts'
import { requireLinux, UnixWorkloadAttestor } from './unix-workload-attestor.ts'

export type { UnixConfig } from './unix-config.ts'
export { type UnixAttestorOptions, UnixWorkloadAttestor } from './unix-workload-attestor.ts'

export default definePlugin({
  type: 'workload-attestor',
  name: 'unix',
  apiVersion: 1,
  parseConfig: parseUnixConfig,
  create(config, { clock, log }) {
    requireLinux()
    return new UnixWorkloadAttestor({ config, clock, log })
  },
})
