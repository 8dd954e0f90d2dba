/** The format of one key's file: JSON that names the key and its algorithm, with its PKCS#8 bytes plain or encrypted. */
import { KeyManagerError } from '@countersign/plugin-kit'
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from '@countersign/protocol'
import { importSigningKey, type NodeSigningKey } from '@countersign/protocol/keys-node'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { type FileKey, type KeyDerivation, MAX_SCRYPT_N, MIN_SCRYPT_N, type Sealed } from './key-encryption.ts'

/** An RSA key of 8192 bits is 6.3 KiB of base64. */
export const MAX_KEY_FILE_BYTES = 16_384

const common = {
  alg: Type.Union(SIGNATURE_ALGORITHMS.map((alg) => Type.Literal(alg))),
  kid: Type.String(),
  /** Seconds since the Unix epoch. */
  createdAt: Type.Integer({ minimum: 0 }),
}
const strict = { additionalProperties: false }
const base64 = (bytes: number) => {
  const length = Math.ceil(bytes / 3) * 4
  return Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$', minLength: length, maxLength: length })
}

const PlainSchema = Type.Object(
  {
    version: Type.Literal(1),
    ...common,
    /** DER PrivateKeyInfo, RFC 5958, in standard base64. */
    pkcs8: Type.String({ minLength: 1 }),
  },
  strict,
)

const SealedSchema = Type.Object(
  {
    version: Type.Literal(2),
    ...common,
    derivation: Type.Union([
      Type.Object(
        {
          kdf: Type.Literal('scrypt'),
          n: Type.Integer({ minimum: MIN_SCRYPT_N, maximum: MAX_SCRYPT_N }),
          r: Type.Literal(8),
          p: Type.Literal(1),
          salt: base64(16),
        },
        strict,
      ),
      Type.Object({ kdf: Type.Literal('hkdf-sha256'), salt: base64(16) }, strict),
    ]),
    /** Of the secret. */
    check: base64(16),
    nonce: base64(12),
    ciphertext: Type.String({ minLength: 1 }),
  },
  strict,
)

interface KeyHeader {
  readonly alg: SignatureAlgorithm
  readonly kid: string
  readonly createdAt: number
}

interface SealedHeader extends KeyHeader {
  readonly version: 2
  readonly derivation: KeyDerivation
  readonly check: string
}

export type PlainKeyFile = KeyHeader & { readonly version: 1; readonly pkcs8: string }
export type SealedKeyFile = SealedHeader & Sealed
export type KeyFile = PlainKeyFile | SealedKeyFile

/** A private key with what its file says about it. */
export interface KeyContent extends KeyHeader {
  /** DER PrivateKeyInfo. Secret. */
  readonly pkcs8: Uint8Array
}

/** @param fileKey what to encrypt under; without it the file is plain */
export function formatKeyFile(content: KeyContent, fileKey: FileKey | undefined): string {
  const { alg, kid, createdAt, pkcs8 } = content
  if (fileKey === undefined) {
    return toText({ version: 1, alg, kid, pkcs8: Buffer.from(pkcs8).toString('base64'), createdAt })
  }
  const { derivation, check } = fileKey
  const header: SealedHeader = { version: 2, alg, kid, createdAt, derivation, check }
  return toText({ ...header, ...fileKey.seal(pkcs8, associatedData(header)) })
}

function toText(file: KeyFile): string {
  return `${JSON.stringify(file, null, 2)}\n`
}

/**
 * @param path only for messages
 * @throws KeyManagerError `ERR_KEY_MANAGER_CORRUPT` naming the file; never quotes what it holds
 */
export function parseKeyFile(bytes: Uint8Array, name: string, path: string): KeyFile {
  const value = parseJson(bytes)
  if (!Value.Check(PlainSchema, value) && !Value.Check(SealedSchema, value)) {
    throw corrupt(path, 'not a key file of version 1 or 2')
  }
  const file = value as KeyFile
  if (file.kid !== name) throw corrupt(path, 'holds a key of another name')
  return file
}

/**
 * @param fileKey of the file's derivation; for a plain file none
 * @throws KeyManagerError `ERR_KEY_MANAGER_PASSPHRASE` when it was encrypted under another secret
 * @throws KeyManagerError `ERR_KEY_MANAGER_CORRUPT`
 */
export function openKeyFile(file: KeyFile, fileKey: FileKey | undefined, path: string): KeyContent {
  const { alg, kid, createdAt } = file
  const pkcs8 = file.version === 1 ? fromBase64(file.pkcs8, path) : decrypt(file, fileKey, path)
  return { alg, kid, createdAt, pkcs8 }
}

function decrypt(file: SealedKeyFile, fileKey: FileKey | undefined, path: string): Uint8Array {
  if (fileKey?.hasCheck(file.check) !== true) throw wrongSecret(path)
  const pkcs8 = fileKey.open(file, associatedData(file))
  if (pkcs8 === undefined) throw corrupt(path, 'was changed after it was encrypted')
  return pkcs8
}

/** Binds the key to its file: otherwise whoever can write to the folder could give one key another's name. */
function associatedData({ version, alg, kid, createdAt, derivation, check }: SealedHeader): string {
  const { kdf, salt } = derivation
  const cost = derivation.kdf === 'scrypt' ? [derivation.n, derivation.r, derivation.p] : []
  return JSON.stringify(['countersign key file', version, alg, kid, createdAt, kdf, ...cost, salt, check])
}

/** @throws KeyManagerError `ERR_KEY_MANAGER_CORRUPT` */
export function importKey({ pkcs8, alg, kid }: KeyContent, path: string): NodeSigningKey {
  try {
    return importSigningKey({ pkcs8 }, alg, { kid })
  } catch (cause) {
    throw corrupt(path, 'the key does not fit its algorithm or cannot be read', cause)
  }
}

/** The parser's error quotes its input, here a private key: it is dropped. */
function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return undefined
  }
}

function fromBase64(text: string, path: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) throw corrupt(path, 'pkcs8 is not base64')
  return bytes
}

export function wrongSecret(path: string): KeyManagerError {
  return new KeyManagerError(
    'ERR_KEY_MANAGER_PASSPHRASE',
    `wrong passphrase or key file: "${path}" was encrypted under another one; nothing was changed`,
  )
}

export function corrupt(path: string, detail: string, cause?: unknown): KeyManagerError {
  return new KeyManagerError('ERR_KEY_MANAGER_CORRUPT', `key file "${path}" is corrupt; restore it or delete the key`, {
    detail,
    cause,
  })
}
