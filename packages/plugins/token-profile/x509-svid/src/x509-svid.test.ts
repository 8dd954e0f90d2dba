import type { PresentedToken } from '@countersign/plugin-kit'
import { describeTokenProfileIn, TestTokenProfileHost } from '@countersign/plugin-kit/contract'
import {
  buildCaCertificate,
  encodePem,
  issueX509Svid,
  randomSerial,
  verifyX509Svid,
  WorkloadId,
} from '@countersign/protocol'
import { nodeCrypto as crypto, generateSigningKey } from '@countersign/protocol/keys-node'
import { expectCode, FakeIssuer } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { X509SvidIn } from './x509-svid-in.ts'

const NOW = 1_800_000_000
const validity = { notBefore: NOW - 100, notAfter: NOW + 3600 }
const caKey = generateSigningKey('ES256')
const domain = new FakeIssuer()

async function present(id = 'spiffe://example.org/a'): Promise<PresentedToken> {
  const common = { serial: randomSerial(crypto), ...validity }
  const subject = { commonName: 'Test' }
  const root = await buildCaCertificate({ ...common, key: caKey, crypto, subject, trustDomain: 'example.org' })
  const leaf = await issueX509Svid({
    ...common,
    issuer: { certificate: root, key: caKey },
    publicKeySpki: crypto.exportSpki(generateSigningKey('ES256').publicJwk),
    subject: WorkloadId.parse(id),
  })
  const provenX509 = await verifyX509Svid({ chain: [leaf], roots: () => [root], now: NOW, crypto })
  return {
    token: encodePem([leaf]),
    role: 'subject',
    declaredType: 'urn:countersign:token-type:x509-svid',
    proven: { jkt: new Set(), x5t: new Set() },
    provenWit: undefined,
    provenX509,
    now: NOW,
  }
}

describeTokenProfileIn('x509-svid', async () => ({
  half: new X509SvidIn(),
  host: new TestTokenProfileHost({ now: NOW }),
  name: 'x509-svid',
  presented: await present(),
  foreign: [domain.jwtSvid('/a', ['https://as.example.org'], NOW), domain.workload('/a').wit(NOW)],
}))

describe('x509-svid', () => {
  const half = new X509SvidIn()
  const host = new TestTokenProfileHost({ now: NOW })

  it('is bound to the certificate', async () => {
    const presented = await present()
    const raw = presented.provenX509?.leaf.raw ?? new Uint8Array()
    const thumbprint = Buffer.from(crypto.sha256(raw) as Uint8Array).toString('base64url')
    expect(await half.verify(presented, host)).toMatchObject({
      issuer: 'example.org',
      issuerUrl: 'spiffe://example.org',
      subject: 'spiffe://example.org/a',
      confirmation: { kind: 'x5t#S256', thumbprint },
      expiresAt: NOW + 3600,
    })
  })

  it('is refused without a connection by it, or by another', async () => {
    const presented = await present()
    await expectCode(() => half.verify({ ...presented, provenX509: undefined }, host), 'ERR_PROOF_MISSING')
    const { provenX509 } = await present()
    await expectCode(() => half.verify({ ...presented, provenX509 }, host), 'ERR_PROOF_MISSING')
  })

  it('is refused when it holds no certificate', async () => {
    await expectCode(async () => half.verify({ ...(await present()), token: '\n' }, host), 'ERR_CERTIFICATE_PEM')
  })
})
