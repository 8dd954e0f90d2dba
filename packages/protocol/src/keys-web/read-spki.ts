import { KeyError } from '../keys/key-error.ts'
import type { PublicJwk } from '../keys/public-jwk.ts'
import { CertificateError } from '../x509/certificate-error.ts'
import { parseSpki } from '../x509/spki.ts'

/** {@link parseSpki} with the codes of a key. */
export function readSpki(spki: Uint8Array): PublicJwk {
  try {
    return parseSpki(spki)
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error
    if (error.cause instanceof KeyError) throw error.cause
    const code = error.cause === undefined ? 'ERR_KEY_UNSUPPORTED' : 'ERR_KEY_MALFORMED'
    throw new KeyError(code, error.message, { cause: error })
  }
}
