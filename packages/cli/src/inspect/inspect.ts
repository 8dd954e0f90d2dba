import { createPrivateKey, createPublicKey } from 'node:crypto'
import { holdsPrivateKey, pemCertificates } from '../files/pem.ts'
import { splitDer } from '../workload-api/split-der.ts'
import { looksLikeToken } from './decode-token.ts'
import { inspectCertificates } from './inspect-certificate.ts'
import { InspectError } from './inspect-error.ts'
import { inspectJwk } from './inspect-jwk.ts'
import { inspectBundleMap, inspectKeySet } from './inspect-key-set.ts'
import { inspectToken } from './inspect-token.ts'
import type { Inspection } from './inspection.ts'
import { isJsonObject, type JsonRecord } from './json-record.ts'

/** First byte of every DER certificate and key: a SEQUENCE. */
const DER_SEQUENCE = 0x30
/** How the base64 of a DER certificate begins. */
const BASE64_DER = /^MI[A-Za-z0-9+/\s]+={0,2}$/

/**
 * Decodes and explains whatever the bytes are. Verifies nothing, and returns no private key material.
 *
 * @throws InspectError `ERR_INSPECT_PRIVATE_KEY` for a private key in PEM or DER
 * @throws InspectError `ERR_INSPECT_MALFORMED`, `ERR_INSPECT_UNRECOGNIZED`
 */
export async function inspect(bytes: Uint8Array, now: number): Promise<Inspection> {
  if (bytes[0] === DER_SEQUENCE && bytes[1] !== undefined && bytes[1] >= 0x80) return inspectDer(bytes, now)
  const text = Buffer.from(bytes).toString().trim()
  if (text.includes('-----BEGIN ')) return inspectPem(text, now)
  if (text.startsWith('{')) return inspectJson(text, now)
  const token = text.replace(/^(Bearer|DPoP)\s+/i, '')
  if (looksLikeToken(token)) return inspectToken(token, now)
  if (BASE64_DER.test(text)) return inspectDer(Buffer.from(text, 'base64'), now)
  if (token.split('.').length === 5) {
    throw new InspectError('ERR_INSPECT_UNRECOGNIZED', 'this looks like an encrypted token, which cannot be shown')
  }
  throw unrecognized()
}

async function inspectPem(text: string, now: number): Promise<Inspection> {
  if (holdsPrivateKey(text)) throw privateKey()
  const certificates = pemCertificates(text)
  if (certificates.length > 0) return inspectCertificates(certificates, now)
  return inspectPublicKey(text)
}

async function inspectPublicKey(pem: string): Promise<Inspection> {
  let jwk: JsonRecord
  try {
    jwk = createPublicKey(pem).export({ format: 'jwk' }) as JsonRecord
  } catch {
    throw unrecognized()
  }
  return { ...(await inspectJwk(jwk)), kind: 'public-key', title: 'public key, written as a JWK' }
}

function inspectDer(der: Uint8Array, now: number): Inspection {
  if (isPrivateKey(der)) throw privateKey()
  return inspectCertificates(splitDer(der), now)
}

function isPrivateKey(der: Uint8Array): boolean {
  return (['pkcs8', 'sec1', 'pkcs1'] as const).some((type) => {
    try {
      createPrivateKey({ key: Buffer.from(der), format: 'der', type })
      return true
    } catch {
      return false
    }
  })
}

async function inspectJson(text: string, now: number): Promise<Inspection> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new InspectError('ERR_INSPECT_MALFORMED', 'text is not JSON')
  }
  if (!isJsonObject(value)) throw unrecognized()
  if (isJsonObject(value['trust_domains'])) return inspectBundleMap(value['trust_domains'], now)
  if (Array.isArray(value['keys'])) return inspectKeySet(value, now)
  if (typeof value['kty'] === 'string') return inspectJwk(value)
  throw unrecognized()
}

function privateKey(): InspectError {
  return new InspectError('ERR_INSPECT_PRIVATE_KEY', 'this holds a private key, which is not shown')
}

function unrecognized(): InspectError {
  return new InspectError('ERR_INSPECT_UNRECOGNIZED', 'this is no token, certificate, key or bundle known here')
}
