import { buildCrl, encodeBase64, issueCaCertificate, randomSerial } from '@countersign/protocol'
import { nodeCrypto as crypto, generateSigningKey } from '@countersign/protocol/keys-node'

export interface TestCa {
  readonly key: ReturnType<typeof generateSigningKey>
  readonly certificate: Uint8Array
}

/** A CA of `example.org` that is no root. */
export function caBelow(issuer: TestCa, now: number): TestCa {
  const key = generateSigningKey('ES256')
  const certificate = issueCaCertificate({
    ...{ issuer, crypto, trustDomain: 'example.org', subject: { commonName: 'below' }, serial: randomSerial(crypto) },
    ...{ publicKeySpki: crypto.exportSpki(key.publicJwk), notBefore: now - 60, notAfter: now + 3600 },
  }) as Uint8Array
  return { key, certificate }
}

/** An empty revocation list, base64 DER. */
export function listBy(issuer: TestCa, now: number): string {
  const list = buildCrl({ issuer, revoked: [], thisUpdate: now, nextUpdate: now + 60, number: 1 })
  return encodeBase64(list as Uint8Array)
}
