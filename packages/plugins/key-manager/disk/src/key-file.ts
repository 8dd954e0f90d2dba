/** The format of one key's file: JSON that names the key, its algorithm and its PKCS#8 bytes. */
import { KeyManagerError } from '@countersign/plugin-kit'
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from '@countersign/protocol'
import { importSigningKey, type NodeSigningKey } from '@countersign/protocol/keys-node'
import { Type } from 'typebox'
import { Value } from 'typebox/value'

/** An RSA key of 8192 bits is 6.3 KiB of base64. */
export const MAX_KEY_FILE_BYTES = 16_384

const KeyFile = Type.Object(
  {
    version: Type.Literal(1),
    alg: Type.Union(SIGNATURE_ALGORITHMS.map((alg) => Type.Literal(alg))),
    kid: Type.String(),
    /** DER PrivateKeyInfo, RFC 5958, in standard base64. */
    pkcs8: Type.String({ minLength: 1 }),
    /** Seconds since the Unix epoch. */
    createdAt: Type.Integer({ minimum: 0 }),
  },
  { additionalProperties: false },
)

export function formatKeyFile(key: NodeSigningKey, name: string, createdAt: number): string {
  const pkcs8 = Buffer.from(key.exportPkcs8()).toString('base64')
  return `${JSON.stringify({ version: 1, alg: key.alg, kid: name, pkcs8, createdAt }, null, 2)}\n`
}

/**
 * @param path only for messages
 * @throws KeyManagerError `ERR_KEY_MANAGER_CORRUPT` naming the file; never quotes what it holds
 */
export function parseKeyFile(bytes: Uint8Array, name: string, path: string): NodeSigningKey {
  const file = parseJson(bytes)
  if (!Value.Check(KeyFile, file)) throw corrupt(path, 'not a key file of version 1')
  if (file.kid !== name) throw corrupt(path, 'holds a key of another name')
  const pkcs8 = Buffer.from(file.pkcs8, 'base64')
  if (pkcs8.toString('base64') !== file.pkcs8) throw corrupt(path, 'pkcs8 is not base64')
  return importKey(pkcs8, file.alg, name, path)
}

/** The parser's error quotes its input, here a private key: it is dropped. */
function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return undefined
  }
}

function importKey(pkcs8: Uint8Array, alg: SignatureAlgorithm, name: string, path: string): NodeSigningKey {
  try {
    return importSigningKey({ pkcs8 }, alg, { kid: name })
  } catch (cause) {
    throw corrupt(path, 'the key does not fit its algorithm or cannot be read', cause)
  }
}

export function corrupt(path: string, detail: string, cause?: unknown): KeyManagerError {
  return new KeyManagerError('ERR_KEY_MANAGER_CORRUPT', `key file "${path}" is corrupt; restore it or delete the key`, {
    detail,
    cause,
  })
}
