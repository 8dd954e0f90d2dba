/** Token profile `access-token`: JWT access tokens of RFC 9068. */
import { definePlugin, parseConfig } from '@countersign/plugin-kit'
import { Type } from 'typebox'
import { AccessTokenIn } from './access-token-in.ts'
import { AccessTokenOut } from './access-token-out.ts'

const AccessTokenConfig = Type.Object({}, { additionalProperties: false })

export default definePlugin({
  type: 'token-profile',
  name: 'access-token',
  apiVersion: 1,
  parseConfig: (config) => parseConfig(AccessTokenConfig, config),
  create: () => ({ in: new AccessTokenIn(), out: new AccessTokenOut() }),
})
