/** Token profile `x509-svid`: the X509-SVID of a TLS connection, and X509-SVIDs for keys that were proved. */
import { definePlugin, parseConfig } from '@countersign/plugin-kit'
import { Type } from 'typebox'
import { X509SvidIn } from './x509-svid-in.ts'
import { X509SvidOut } from './x509-svid-out.ts'

const X509SvidConfig = Type.Object({}, { additionalProperties: false })

export default definePlugin({
  type: 'token-profile',
  name: 'x509-svid',
  apiVersion: 1,
  parseConfig: (config) => parseConfig(X509SvidConfig, config),
  create: () => ({ in: new X509SvidIn(), out: new X509SvidOut() }),
})
