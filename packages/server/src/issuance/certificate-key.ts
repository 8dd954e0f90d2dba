import { X509Certificate } from 'node:crypto'
import { type PublicJwk, parsePublicJwk } from '@countersign/protocol'

/** The public key of a DER certificate. @throws KeyError for a kind of key that is not supported */
export function certificateKey(certificate: Uint8Array): PublicJwk {
  return parsePublicJwk(new X509Certificate(certificate).publicKey.export({ format: 'jwk' }))
}
