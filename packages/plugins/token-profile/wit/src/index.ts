/** Token profile `wit`: Workload Identity Tokens, worth nothing without a proof of their key. */
import { definePlugin, parseConfig } from '@countersign/plugin-kit'
import { Type } from 'typebox'
import { WitIn } from './wit-in.ts'
import { WitOut } from './wit-out.ts'

const WitConfig = Type.Object({}, { additionalProperties: false })

export default definePlugin({
  type: 'token-profile',
  name: 'wit',
  apiVersion: 1,
  parseConfig: (config) => parseConfig(WitConfig, config),
  create: () => ({ in: new WitIn(), out: new WitOut() }),
})
