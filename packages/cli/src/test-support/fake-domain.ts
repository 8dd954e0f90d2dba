import {
  buildCaCertificate,
  formatSpiffeBundle,
  issueX509Svid,
  parseCertificate,
  parseSpki,
  randomSerial,
  type SpiffeBundleDocument,
  spiffeId,
} from '@countersign/protocol'
import { generateSigningKey, type NodeSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { FakeIssuer } from '@countersign/testing'
import { NOW } from './run-cli.ts'

/** A trust domain with a root, token keys and the bundle that says so. */
export interface FakeDomain {
  readonly name: string
  readonly tokens: FakeIssuer
  /** DER. */
  readonly root: Uint8Array
  readonly bundle: SpiffeBundleDocument
  issue(path: string, options?: { readonly notAfter?: number }): Promise<FakeSvid>
}

export interface FakeSvid {
  /** DER. */
  readonly certificate: Uint8Array
  readonly key: NodeSigningKey
}

export async function fakeDomain(name = 'example.org'): Promise<FakeDomain> {
  const tokens = new FakeIssuer({ origin: `spiffe://${name}`, profile: 'wit-svid' })
  const key = generateSigningKey('ES256')
  const root = await buildCaCertificate({
    key,
    crypto: nodeCrypto,
    subject: { commonName: `${name} root` },
    trustDomain: name,
    notBefore: NOW - 60,
    notAfter: NOW + 86_400,
    serial: randomSerial(nodeCrypto),
  })
  const bundle = formatSpiffeBundle(
    {
      trustDomain: name,
      x509Authorities: [root],
      jwtAuthorities: [tokens.jwtKey.publicJwk],
      witAuthorities: [tokens.witKey.publicJwk],
      sequence: 3,
      refreshHintSeconds: 60,
    },
    (der) => parseSpki(parseCertificate(der).spki),
  )
  return {
    name,
    tokens,
    root,
    bundle,
    async issue(path, { notAfter = NOW + 3_600 } = {}) {
      const workloadKey = generateSigningKey('ES256')
      const certificate = await issueX509Svid({
        issuer: { certificate: root, key },
        publicKeySpki: await nodeCrypto.exportSpki(workloadKey.publicJwk),
        subject: spiffeId(name, path),
        notBefore: NOW - 60,
        notAfter,
        serial: randomSerial(nodeCrypto),
      })
      return { certificate, key: workloadKey }
    },
  }
}
