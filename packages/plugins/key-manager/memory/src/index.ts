/** Key manager `memory`: signing keys that end with the process. */
import { definePlugin, parseConfig } from '@countersign/plugin-kit'
import { Type } from 'typebox'
import { MemoryKeyManager } from './memory-key-manager.ts'

export { MemoryKeyManager } from './memory-key-manager.ts'

const MemoryConfig = Type.Object({}, { additionalProperties: false })

export default definePlugin({
  type: 'key-manager',
  name: 'memory',
  apiVersion: 1,
  parseConfig: (config) => parseConfig(MemoryConfig, config, { path: 'keyManager.config' }),
  create: () => new MemoryKeyManager(),
})
