/** Token profile `service-account`: what a Kubernetes API server says of a workload. */
import { definePlugin, parseConfig } from '@countersign/plugin-kit'
import { Type } from 'typebox'
import { ServiceAccountIn } from './service-account-in.ts'

const ServiceAccountConfig = Type.Object({}, { additionalProperties: false })

export default definePlugin({
  type: 'token-profile',
  name: 'service-account',
  apiVersion: 1,
  parseConfig: (config) => parseConfig(ServiceAccountConfig, config),
  create: () => ({ in: new ServiceAccountIn() }),
})
