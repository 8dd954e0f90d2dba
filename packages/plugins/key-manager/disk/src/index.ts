/** Key manager `disk`: signing keys in files that only their owner can read, encrypted where a secret is given. */
import { definePlugin } from '@countersign/plugin-kit'
import { parseDiskConfig, readKeySecrets } from './disk-config.ts'
import { DiskKeyManager } from './disk-key-manager.ts'

export { DiskKeyManager, type DiskKeyManagerOptions } from './disk-key-manager.ts'

export default definePlugin({
  type: 'key-manager',
  name: 'disk',
  apiVersion: 1,
  parseConfig: parseDiskConfig,
  create: (config, { clock, log, dataDir, configDir = dataDir }) =>
    new DiskKeyManager({ clock, log, dataDir, secrets: readKeySecrets(config, configDir) }),
})
