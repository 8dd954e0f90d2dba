/** Token profile `jwt-svid`: SPIFFE's bearer tokens. */
import { definePlugin, parseConfig } from '@countersign/plugin-kit'
import { Type } from 'typebox'
import { JwtSvidIn } from './jwt-svid-in.ts'
import { JwtSvidOut } from './jwt-svid-out.ts'

const JwtSvidConfig = Type.Object({}, { additionalProperties: false })

export default definePlugin({
  type: 'token-profile',
  name: 'jwt-svid',
  apiVersion: 1,
  parseConfig: (config) => parseConfig(JwtSvidConfig, config),
  create: () => ({ in: new JwtSvidIn(), out: new JwtSvidOut() }),
})
