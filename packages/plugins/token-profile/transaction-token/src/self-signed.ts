/** Token profile `self-signed`: a JWT that a workload signed to begin a transaction. */
import { definePlugin, parseConfig } from '@countersign/plugin-kit'
import { Type } from 'typebox'
import { SelfSignedIn } from './self-signed-in.ts'

const SelfSignedConfig = Type.Object({}, { additionalProperties: false })

export default definePlugin({
  type: 'token-profile',
  name: 'self-signed',
  apiVersion: 1,
  parseConfig: (config) => parseConfig(SelfSignedConfig, config),
  create: () => ({ in: new SelfSignedIn() }),
})
