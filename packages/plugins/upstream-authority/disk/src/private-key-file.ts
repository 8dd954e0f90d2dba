/** A CA's private key in a file: read only if nobody else can read it. */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { readLimitedFrom, UpstreamAuthorityError } from '@countersign/plugin-kit'
import type { SignatureAlgorithm, SigningKey } from '@countersign/protocol'
import { importSigningKey } from '@countersign/protocol/keys-node'

/** An RSA key of 16384 bits is 13 KiB of PEM. */
const MAX_KEY_BYTES = 32_768
const GROUP_AND_OTHERS = 0o077

/**
 * @throws UpstreamAuthorityError `ERR_UPSTREAM_AUTHORITY_FILE` when it cannot be read, `…_PERMISSIONS` when others can read
 *   it, `…_KEY` for something that is no usable private key; nothing of its content is in the error
 */
export async function readPrivateKey(path: string): Promise<SigningKey> {
  const pem = await readPrivate(path)
  try {
    const key = createPrivateKey({ key: pem, format: 'pem' })
    const pkcs8 = key.export({ format: 'der', type: 'pkcs8' })
    return importSigningKey({ pkcs8 }, algorithmOf(key))
  } catch {
    // The cause could quote the key.
    throw new UpstreamAuthorityError(
      'ERR_UPSTREAM_AUTHORITY_KEY',
      'upstream key file holds no usable private key: PEM without a passphrase, RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519',
      { detail: path },
    )
  }
}

async function readPrivate(path: string): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: NodeJS.ErrnoException) => {
    throw new UpstreamAuthorityError('ERR_UPSTREAM_AUTHORITY_FILE', 'upstream key file cannot be read', {
      detail: `${path}: ${cause.code}`,
      cause,
    })
  })
  try {
    // Of what was opened, so that nothing can be exchanged between the look and the read.
    const stats = await file.stat()
    if (!stats.isFile()) throw permissions(path, 'is not a plain file')
    if (stats.uid !== process.geteuid?.() && stats.uid !== 0) {
      throw permissions(path, `belongs to user id ${stats.uid}, who could exchange it`)
    }
    if ((stats.mode & GROUP_AND_OTHERS) !== 0) {
      const mode = (stats.mode & 0o777).toString(8).padStart(4, '0')
      throw permissions(path, `has mode ${mode}, others can read it; run: chmod 600 '${path}'`)
    }
    const { bytes, truncated } = await readLimitedFrom(file, MAX_KEY_BYTES)
    if (truncated) throw permissions(path, `is longer than ${MAX_KEY_BYTES} bytes`)
    return bytes
  } finally {
    await file.close()
  }
}

function permissions(path: string, reason: string): UpstreamAuthorityError {
  return new UpstreamAuthorityError('ERR_UPSTREAM_AUTHORITY_PERMISSIONS', `upstream key file "${path}" ${reason}`)
}

/** One algorithm for each kind of key: X.509 lets an ECDSA key have one hash, and RSA here means PKCS #1 v1.5. */
function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): SignatureAlgorithm {
  if (asymmetricKeyType === 'rsa') return 'RS256'
  if (asymmetricKeyType === 'ed25519') return 'EdDSA'
  switch (asymmetricKeyType === 'ec' ? asymmetricKeyDetails?.namedCurve : undefined) {
    case 'prime256v1':
      return 'ES256'
    case 'secp384r1':
      return 'ES384'
    case 'secp521r1':
      return 'ES512'
    default:
      throw new TypeError('unsupported kind of key')
  }
}
