import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { SignatureAlgorithm } from '../../keys/algorithm.ts'
import type { CryptoBackend, Eventual, SigningKey } from '../../keys/crypto-backend.ts'

/** A signing key that can be read out again. */
export interface ExportableKey extends SigningKey {
  exportPkcs8(): Eventual<Uint8Array>
  exportJwk(): Eventual<object>
}

type KeySource = { readonly pkcs8: Uint8Array } | { readonly pem: string } | { readonly jwk: object }

/** A backend with the signing keys that belong to it. */
export interface CryptoBackendFixture {
  readonly crypto: CryptoBackend
  generate(alg: SignatureAlgorithm, options?: { readonly kid?: string }): Eventual<ExportableKey>
  importKey(source: KeySource, alg: SignatureAlgorithm, options?: { readonly kid?: string }): Eventual<ExportableKey>
}

export const data = new TextEncoder().encode('to be signed')

export const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString()

/** RSA keys are slow to make, so all RSA algorithms share this one. */
export const rsaPem = pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey)
