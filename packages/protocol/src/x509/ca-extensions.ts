import { type CryptoBackend, type Eventual, whenReady } from '../keys/crypto-backend.ts'
import { basicConstraints, keyUsage } from './encode-extensions.ts'
import { readPublicKeyBits } from './spki.ts'
import { subjectAltName } from './subject-alt-name.ts'

/** RFC 7093 section 2, method 1: the first 160 bits of the SHA-256 of the key's bits. */
const KEY_ID_BYTES = 20

/** @param spki SubjectPublicKeyInfo, DER */
export function keyIdOf(spki: Uint8Array, crypto: Pick<CryptoBackend, 'sha256'>): Eventual<Uint8Array> {
  return whenReady(crypto.sha256(readPublicKeyBits(spki)), (hash) => hash.subarray(0, KEY_ID_BYTES))
}

/**
 * What every signing certificate of a SPIFFE trust domain says, whoever signs it.
 *
 * @see SPIFFE X509-SVID section 4
 */
export function caExtensions(trustDomain: string, pathLength: number | undefined): Uint8Array[] {
  return [
    basicConstraints(pathLength === undefined ? {} : { pathLength }),
    keyUsage('keyCertSign', 'cRLSign'),
    subjectAltName({ uris: [`spiffe://${trustDomain}`] }),
  ]
}
