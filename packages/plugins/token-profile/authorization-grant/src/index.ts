/** Token profile `authorization-grant`: JWT authorization grants from one trust domain to another. */
import { definePlugin, parseConfig } from '@countersign/plugin-kit'
import { Type } from 'typebox'
import { AuthorizationGrantIn } from './authorization-grant-in.ts'
import { AuthorizationGrantOut } from './authorization-grant-out.ts'

const AuthorizationGrantConfig = Type.Object({}, { additionalProperties: false })

export default definePlugin({
  type: 'token-profile',
  name: 'authorization-grant',
  apiVersion: 1,
  parseConfig: (config) => parseConfig(AuthorizationGrantConfig, config),
  create: () => ({ in: new AuthorizationGrantIn(), out: new AuthorizationGrantOut() }),
})
