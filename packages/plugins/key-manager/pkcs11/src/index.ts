/** Key manager `pkcs11`: signing keys in a hardware token, or in SoftHSM. */
import { resolve } from 'node:path'
import { ConfigError, definePlugin, parseConfig } from '@countersign/plugin-kit'
import { Type } from 'typebox'
import { Pkcs11KeyManager } from './pkcs11-key-manager.ts'

export { Pkcs11KeyManager, type Pkcs11KeyManagerOptions } from './pkcs11-key-manager.ts'

const Pkcs11Config = Type.Object(
  {
    module: Type.String({ minLength: 1, description: 'path of the PKCS #11 library that came with the token' }),
    tokenLabel: Type.String({ minLength: 1, maxLength: 32, description: 'label of the token' }),
    pinFile: Type.String({ minLength: 1, description: 'file whose one line is the PIN' }),
    rsaBits: Type.Union([Type.Literal(2048), Type.Literal(3072), Type.Literal(4096)], { default: 2048 }),
    sessions: Type.Integer({ minimum: 1, maximum: 64, default: 4 }),
  },
  { additionalProperties: false },
)

export default definePlugin({
  type: 'key-manager',
  name: 'pkcs11',
  apiVersion: 1,
  parseConfig: (config) => parseConfig(Pkcs11Config, config, { path: 'keyManager.config' }),
  create(config, { clock, log, dataDir, configDir = dataDir, trustDomain }) {
    if (trustDomain === undefined) {
      throw new ConfigError('ERR_CONFIG_INVALID', 'key manager pkcs11 needs a trust domain: it names its keys by it')
    }
    return new Pkcs11KeyManager({
      module: resolve(configDir, config.module),
      label: config.tokenLabel,
      pinFile: resolve(configDir, config.pinFile),
      rsaBits: config.rsaBits,
      maxSessions: config.sessions,
      ...{ clock, log, trustDomain },
    })
  },
})
