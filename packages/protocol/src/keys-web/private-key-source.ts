import { decodeBase64 } from '../encoding/base64.ts'
import { EncodingError } from '../encoding/encoding-error.ts'
import { algorithmsOf, type SignatureAlgorithm } from '../keys/algorithm.ts'
import { KeyError } from '../keys/key-error.ts'
import { CertificateError } from '../x509/certificate-error.ts'
import { DerReader } from '../x509/der-reader.ts'
import { DerTag } from '../x509/der-tag.ts'
import { decodeOid, Oid } from '../x509/oid.ts'

const CURVE_NAMES: Readonly<Record<string, string>> = {
  [Oid.p256]: 'P-256',
  [Oid.p384]: 'P-384',
  [Oid.p521]: 'P-521',
}

const BEGIN = '-----BEGIN PRIVATE KEY-----'
const END = '-----END PRIVATE KEY-----'
const MAX_PEM_CHARACTERS = 65_536

/**
 * The DER of one PKCS#8 block. No other form of private key: they need a library of their own.
 *
 * @throws KeyError `ERR_KEY_MALFORMED`
 * @see RFC 7468 section 10
 */
export function decodePrivatePem(text: string): Uint8Array {
  const trimmed = text.trim()
  if (text.length > MAX_PEM_CHARACTERS || !trimmed.startsWith(BEGIN) || !trimmed.endsWith(END)) throw unreadable()
  try {
    return decodeBase64(trimmed.slice(BEGIN.length, -END.length).replace(/[\r\n]/g, ''))
  } catch (error) {
    if (error instanceof EncodingError) throw unreadable()
    throw error
  }
}

/**
 * Refuses a private key that is not one for the algorithm, before a runtime reads it: runtimes do not say why they refuse
 * one.
 *
 * @throws KeyError `ERR_KEY_MALFORMED`, `ERR_KEY_UNSUPPORTED`, `ERR_KEY_ALGORITHM_MISMATCH`
 * @see RFC 5208 section 5
 */
export function requirePkcs8Fit(pkcs8: Uint8Array, alg: SignatureAlgorithm): void {
  const kind = readKind(pkcs8)
  if (!algorithmsOf(kind).includes(alg)) {
    throw new KeyError('ERR_KEY_ALGORITHM_MISMATCH', 'algorithm does not fit the key', {
      detail: `${alg} on ${kind.kty}`,
    })
  }
}

/** The cause is dropped on purpose: it may quote its input. */
export function unreadable(): KeyError {
  return new KeyError('ERR_KEY_MALFORMED', 'private key cannot be read')
}

function readKind(pkcs8: Uint8Array): { readonly kty: string; readonly crv?: string } {
  try {
    const outer = new DerReader(pkcs8)
    const info = outer.enter(DerTag.sequence)
    outer.finish()
    info.expect(DerTag.integer)
    const algorithm = info.enter(DerTag.sequence)
    const oid = decodeOid(algorithm.expect(DerTag.oid).content)
    if (oid === Oid.rsaEncryption) return { kty: 'RSA' }
    if (oid === Oid.ed25519) return { kty: 'OKP', crv: 'Ed25519' }
    if (oid !== Oid.ecPublicKey) return { kty: oid }
    const curve = decodeOid(algorithm.expect(DerTag.oid).content)
    return { kty: 'EC', crv: CURVE_NAMES[curve] ?? curve }
  } catch (error) {
    if (error instanceof CertificateError) throw unreadable()
    throw error
  }
}
