import { resolve } from 'node:path'
import { ConfigError, KeyManagerError, parseConfig, readSecretFile, readSecretLine } from '@countersign/plugin-kit'
import { type Static, Type } from 'typebox'
import type { KeySecret } from './key-encryption.ts'
import type { KeySecretsOptions } from './key-secrets.ts'

/** Shorter ones are found by trying, whatever each guess costs. */
const MIN_PASSPHRASE_BYTES = 12
const MIN_KEY_FILE_BYTES = 32

const path = (description: string) => Type.Optional(Type.String({ minLength: 1, description }))

const SecretSource = {
  passphraseFile: path('file whose one line is the passphrase'),
  passphrase: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 1024,
      description: 'the passphrase, to be taken from an environment variable',
    }),
  ),
  keyFile: path('file of at least 32 random bytes'),
}
type SecretSource = Static<ReturnType<typeof Type.Object<typeof SecretSource>>>

const DiskConfigFile = Type.Object(
  {
    encryption: Type.Optional(
      Type.Object(
        {
          ...SecretSource,
          previous: Type.Optional(Type.Object(SecretSource, { additionalProperties: false })),
          decrypt: Type.Boolean({ default: false, description: 'makes the files plain again' }),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
)
export type DiskConfig = Static<typeof DiskConfigFile>

/** @throws ConfigError `ERR_CONFIG_UNKNOWN_KEY`, `ERR_CONFIG_INVALID` */
export function parseDiskConfig(value: unknown): DiskConfig {
  const config = parseConfig(DiskConfigFile, value, { path: 'keyManager.config' })
  const { encryption } = config
  if (encryption !== undefined) {
    requireOneSource(encryption, 'encryption')
    if (encryption.previous !== undefined) {
      requireOneSource(encryption.previous, 'encryption.previous')
      if (encryption.decrypt) throw invalid('"keyManager.config.encryption.decrypt" and "previous" exclude each other')
    }
  }
  return config
}

function requireOneSource({ passphraseFile, passphrase, keyFile }: SecretSource, key: string): void {
  const given = [passphraseFile, passphrase, keyFile].filter((source) => source !== undefined)
  if (given.length !== 1) {
    throw invalid(`"keyManager.config.${key}" must have one of "passphraseFile", "passphrase" and "keyFile"`)
  }
}

/**
 * Reads the secrets that a configuration names.
 *
 * @param configDir where relative paths start
 * @throws KeyManagerError `ERR_KEY_MANAGER_SECRET`, `ERR_KEY_MANAGER_PERMISSIONS`
 */
export function readKeySecrets({ encryption }: DiskConfig, configDir: string): KeySecretsOptions {
  if (encryption === undefined) return {}
  const secret = readSecret(encryption, configDir)
  if (encryption.decrypt) return { previous: secret }
  return { current: secret, ...(encryption.previous && { previous: readSecret(encryption.previous, configDir) }) }
}

function readSecret({ passphraseFile, passphrase, keyFile }: SecretSource, configDir: string): KeySecret {
  if (keyFile !== undefined) {
    const bytes = readSecretFile(resolve(configDir, keyFile), 'key file')
    if (bytes.length < MIN_KEY_FILE_BYTES) throw tooShort('key file', MIN_KEY_FILE_BYTES)
    return { kind: 'key file', bytes }
  }
  const bytes =
    passphraseFile === undefined
      ? Buffer.from(passphrase ?? '', 'utf8')
      : readSecretLine(resolve(configDir, passphraseFile), 'passphrase file')
  if (bytes.length < MIN_PASSPHRASE_BYTES) throw tooShort('passphrase', MIN_PASSPHRASE_BYTES)
  return { kind: 'passphrase', bytes }
}

function tooShort(what: string, bytes: number): KeyManagerError {
  return new KeyManagerError('ERR_KEY_MANAGER_SECRET', `${what} must have at least ${bytes} bytes`)
}

function invalid(message: string): ConfigError {
  return new ConfigError('ERR_CONFIG_INVALID', message)
}
