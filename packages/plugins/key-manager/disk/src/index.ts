/** Key manager `disk`: signing keys in files that only their owner can read. */
import { definePlugin, parseConfig } from '@countersign/plugin-kit'
import { Type } from 'typebox'
import { DiskKeyManager } from './disk-key-manager.ts'

export { DiskKeyManager, type DiskKeyManagerOptions } from './disk-key-manager.ts'

const DiskConfig = Type.Object({}, { additionalProperties: false })

export default definePlugin({
  type: 'key-manager',
  name: 'disk',
  apiVersion: 1,
  parseConfig: (config) => parseConfig(DiskConfig, config, { path: 'keyManager.config' }),
  create: (_config, { clock, log, dataDir }) => new DiskKeyManager({ clock, log, dataDir }),
})
