/** Token profile `unsigned-json`: a JSON object by which a workload begins a transaction. */
import { definePlugin, parseConfig } from '@countersign/plugin-kit'
import { Type } from 'typebox'
import { UnsignedJsonIn } from './unsigned-json-in.ts'

const UnsignedJsonConfig = Type.Object({}, { additionalProperties: false })

export default definePlugin({
  type: 'token-profile',
  name: 'unsigned-json',
  apiVersion: 1,
  parseConfig: (config) => parseConfig(UnsignedJsonConfig, config),
  create: () => ({ in: new UnsignedJsonIn() }),
})
