import { expectCode, promisedCrypto } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { WorkloadId } from '../identifier/workload-id.ts'
import { generateSigningKey, nodeCrypto } from '../keys-node/index.ts'
import { encodeTime } from './certificate-time.ts'
import { basicConstraints, extendedKeyUsage, keyUsage } from './encode-extensions.ts'
import { encodeName } from './name.ts'
import { Oid } from './oid.ts'
import { encodeSerial } from './serial-number.ts'
import { signCertificate } from './sign-certificate.ts'
import { subjectAltName } from './subject-alt-name.ts'
import { verifyWic, type WicVerification } from './verify-wic.ts'

const NOW = 1_800_000_000
const ID = 'wimse://a.example/client'
const homeKey = generateSigningKey('ES256')
const otherKey = generateSigningKey('ES256')
const leafKey = generateSigningKey('ES256')
const USAGE = keyUsage('digitalSignature')
const BOTH = extendedKeyUsage(Oid.serverAuth, Oid.clientAuth)

function certificate(
  subject: string,
  issuerKey: typeof homeKey,
  extensions: readonly Uint8Array[],
  notAfter = NOW + 100,
) {
  return signCertificate(issuerKey, {
    serial: encodeSerial(Uint8Array.of(1)),
    issuer: encodeName({ commonName: 'ca' }),
    subject: encodeName({ commonName: subject }),
    notBefore: encodeTime(NOW - 100),
    notAfter: encodeTime(notAfter),
    spki: nodeCrypto.exportSpki((subject === 'ca' ? issuerKey : leafKey).publicJwk),
    extensions,
  }) as Uint8Array
}

const CA = [basicConstraints({}), keyUsage('keyCertSign', 'cRLSign')]
const homeRoot = certificate('ca', homeKey, CA)
const otherRoot = certificate('ca', otherKey, CA)
const leaf = (uris: readonly string[], usage: readonly Uint8Array[] = [BOTH], issuerKey = homeKey, notAfter?: number) =>
  certificate('leaf', issuerKey, [USAGE, ...usage, subjectAltName({ uris, dnsNames: ['api.example'] })], notAfter)

const ROOTS = new Map([
  ['wimse://a.example', [homeRoot]],
  ['spiffe://a.example', [homeRoot]],
  ['wimse://b.example', [otherRoot]],
])

describe.each([
  ['synchronous', nodeCrypto],
  ['promise-returning', promisedCrypto(nodeCrypto)],
])('verifyWic on a %s backend', (_, crypto) => {
  const verify = async (der: Uint8Array, options: Partial<WicVerification> = {}) => {
    const roots = (origin: string) => ROOTS.get(origin)
    const { id } = await verifyWic({ chain: [der], roots, now: NOW, crypto, role: 'client', ...options })
    return id.toString()
  }

  it.each([ID, 'spiffe://a.example/client', 'wimse://a.example/~odd:name'])('accepts %s', async (id) => {
    expect(await verify(leaf([id]))).toBe(id)
  })

  it('lets a certificate serve the role its extended key usage names, or any without one', async () => {
    const client = leaf([ID], [extendedKeyUsage(Oid.clientAuth)])
    const server = leaf([ID], [extendedKeyUsage(Oid.serverAuth)])
    expect(await verify(client, { role: 'client' })).toBe(ID)
    expect(await verify(server, { role: 'server' })).toBe(ID)
    await expectCode(() => verify(client, { role: 'server' }), 'ERR_CERTIFICATE_EXTENDED_KEY_USAGE')
    await expectCode(() => verify(server, { role: 'client' }), 'ERR_CERTIFICATE_EXTENDED_KEY_USAGE')
    for (const role of ['client', 'server'] as const) {
      expect(await verify(leaf([ID]), { role })).toBe(ID)
      expect(await verify(leaf([ID], []), { role })).toBe(ID)
    }
  })

  it.each<[string, string, Uint8Array]>([
    ['two identifiers', 'ERR_CERTIFICATE_URI_COUNT', leaf([ID, 'wimse://a.example/admin'])],
    ['an identifier and another URI', 'ERR_CERTIFICATE_URI_COUNT', leaf([ID, 'https://a.example/'])],
    ['a host name only', 'ERR_CERTIFICATE_URI_COUNT', leaf([])],
    ['a URI that is no identifier', 'ERR_CERTIFICATE_IDENTIFIER', leaf(['https://a.example/client'])],
    ['an origin as identifier', 'ERR_CERTIFICATE_IDENTIFIER', leaf(['wimse://a.example'])],
    ['an unknown trust domain', 'ERR_CERTIFICATE_TRUST_DOMAIN_UNKNOWN', leaf(['wimse://c.example/client'])],
    ['a known trust domain in another scheme', 'ERR_CERTIFICATE_TRUST_DOMAIN_UNKNOWN', leaf(['spiffe://b.example/a'])],
    ['the identifier of a domain whose CA did not sign it', 'ERR_CERTIFICATE_SIGNATURE', leaf(['wimse://b.example/a'])],
    ['a signature of another domain', 'ERR_CERTIFICATE_SIGNATURE', leaf([ID], [BOTH], otherKey)],
    ['a past end', 'ERR_CERTIFICATE_EXPIRED', leaf([ID], [BOTH], homeKey, NOW - 1)],
    ['the right to sign', 'ERR_CERTIFICATE_LEAF_IS_CA', leaf([ID], [BOTH, basicConstraints({})])],
  ])('refuses a certificate with %s', async (_name, code, der) => {
    await expectCode(() => verify(der), code)
  })

  it('refuses a workload other than the expected one', async () => {
    const expecting = (id: string) => ({ expectedPeer: { id: WorkloadId.parse(id) } })
    expect(await verify(leaf([ID]), expecting(ID))).toBe(ID)
    const error = await expectCode(
      () => verify(leaf([ID]), expecting('wimse://a.example/client2')),
      'ERR_CERTIFICATE_UNEXPECTED_PEER',
    )
    expect(error.detail).toBe(`got ${ID}, expected wimse://a.example/client2`)
    await expectCode(
      () => verify(leaf([ID]), expecting('spiffe://a.example/client')),
      'ERR_CERTIFICATE_UNEXPECTED_PEER',
    )
  })

  it('refuses a trust domain other than the expected one, though it is known', async () => {
    expect(await verify(leaf([ID]), { expectedPeer: { origin: 'wimse://a.example' } })).toBe(ID)
    for (const origin of ['wimse://b.example', 'spiffe://a.example']) {
      await expectCode(() => verify(leaf([ID]), { expectedPeer: { origin } }), 'ERR_CERTIFICATE_UNEXPECTED_PEER')
    }
    await expectCode(() => verify(leaf([ID]), { expectedPeer: { origin: ID } }), 'ERR_IDENTIFIER_PATH')
  })

  it('says nothing of an expectation before the certificate is verified', async () => {
    const forged = leaf([ID], [BOTH], otherKey)
    const expectedPeer = { origin: 'wimse://b.example' }
    await expectCode(() => verify(forged, { expectedPeer }), 'ERR_CERTIFICATE_SIGNATURE')
  })
})
