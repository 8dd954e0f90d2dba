/** Token profile `oidc-id-token`: what an OpenID provider says of its user. */
import { definePlugin, parseConfig } from '@countersign/plugin-kit'
import { Type } from 'typebox'
import { OidcIdTokenIn } from './oidc-id-token-in.ts'

const OidcIdTokenConfig = Type.Object({}, { additionalProperties: false })

export default definePlugin({
  type: 'token-profile',
  name: 'oidc-id-token',
  apiVersion: 1,
  parseConfig: (config) => parseConfig(OidcIdTokenConfig, config),
  create: () => ({ in: new OidcIdTokenIn() }),
})
