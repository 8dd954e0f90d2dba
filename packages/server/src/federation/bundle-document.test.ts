import { buildCaCertificate, encodeBase64, issueTlsCertificate, randomSerial } from '@countersign/protocol'
import { nodeCrypto as crypto, generateSigningKey } from '@countersign/protocol/keys-node'
import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { parseBundleDocument } from './bundle-document.ts'

const parse = (document: unknown) => parseBundleDocument('partner.example', document)
const times = { notBefore: 1_700_000_000, notAfter: 1_700_003_600 }
const caKey = generateSigningKey('ES256')
const ca = await buildCaCertificate({
  key: caKey,
  crypto,
  subject: { commonName: 'Partner' },
  trustDomain: 'partner.example',
  serial: randomSerial(crypto),
  ...times,
})
const leaf = await issueTlsCertificate({
  issuer: { certificate: ca, key: caKey },
  publicKeySpki: await crypto.exportSpki(caKey.publicJwk),
  dnsNames: ['partner.example'],
  serial: randomSerial(crypto),
  ...times,
})
const entry = (...certificates: Uint8Array[]) => ({
  use: 'x509-svid',
  kty: 'EC',
  x5c: certificates.map((certificate) => encodeBase64(certificate)),
})
const { kid: _, alg: __, ...caJwk } = caKey.publicJwk
const normalised = { use: 'x509-svid', ...caJwk, x5c: [encodeBase64(ca)] }

describe('parseBundleDocument', () => {
  it.each([
    ['that is no certificate', { use: 'x509-svid', kty: 'EC', x5c: ['AAAA'] }],
    ['that is cut short', entry(ca.subarray(0, -1))],
    ['with something behind it', entry(Uint8Array.from([...ca, 0]))],
    ['that is no authority', entry(leaf)],
  ])('leaves out a certificate %s', (_, key) => {
    expect(parse({ keys: [key, entry(ca)] })).toEqual({ keys: [normalised] })
    expect(parse({ keys: [key] })).toEqual({ keys: [] })
  })

  it('writes a key from its certificate, whatever the document says beside it', () => {
    const key = { ...entry(ca, leaf), kid: 'a', x: 'AAAA', future: 'member' }
    expect(parse({ keys: [key], spiffe_sequence: 3, spiffe_refresh_hint: 60, future: 1 })).toEqual({
      keys: [normalised],
      spiffe_sequence: 3,
      spiffe_refresh_hint: 60,
    })
  })

  it('leaves out keys for uses it does not know', () => {
    const jwt = { ...generateSigningKey('ES256', { kid: 'a' }).publicJwk, use: 'jwt-svid' }
    expect(parse({ keys: [{ ...jwt, use: 'future' }, jwt] }).keys).toEqual([jwt])
  })

  it('refuses a key set for other uses, but not an empty one', async () => {
    const signing = { ...generateSigningKey('ES256', { kid: 'a' }).publicJwk, use: 'sig' }
    const { use: _, ...unstated } = signing
    await expectCode(() => parse({ keys: [signing, unstated] }), 'ERR_FEDERATION_BUNDLE')
    expect(parse({ keys: [] })).toEqual({ keys: [] })
  })

  it('refuses a document over 256 KiB', async () => {
    const one = JSON.stringify(normalised).length + 1
    const fitting = Math.floor((256 * 1024 - '{"keys":[]}'.length + 1) / one)
    const keys = Array.from({ length: fitting }, () => entry(ca))
    expect(parse({ keys }).keys).toHaveLength(fitting)
    await expectCode(() => parse({ keys: [...keys, entry(ca)] }), 'ERR_FEDERATION_TOO_LARGE')
  })
})
