import { X509Certificate } from 'node:crypto'
import {
  decodeBase64,
  encodeBase64,
  issueX509Svid,
  parseSpiffeBundle,
  randomSerial,
  spiffeId,
} from '@countersign/protocol'
import { nodeCrypto as crypto, generateSigningKey } from '@countersign/protocol/keys-node'
import { beforeEach, describe, expect, it } from 'vitest'
import { isChainSignedBy } from '../issuance/signed-by.ts'
import { caBelow as makeCaBelow, listBy as makeList, type TestCa } from '../test-support/ca-below.ts'
import { RecordingLogger } from '../test-support/recording-logger.ts'
import { TestAuthority } from '../test-support/test-authority.ts'
import { believedCrls } from './believed-crls.ts'

const NOW = 1_700_000_000
const caBelow = (issuer: TestCa) => makeCaBelow(issuer, NOW)
const listBy = (issuer: TestCa) => makeList(issuer, NOW)

let authority: TestAuthority
let root: TestCa
beforeEach(async () => {
  authority = await TestAuthority.create('example.org', () => NOW)
  root = { key: authority.caKey, certificate: authority.certificate }
})

describe('believedCrls', () => {
  const believed = (crls: readonly string[], intermediates: readonly Uint8Array[]) => {
    const sync = { crls: [...crls], intermediates: intermediates.map(encodeBase64) }
    const { bundle } = authority.bundle()
    const options = { log: new RecordingLogger(), now: NOW }
    return believedCrls(sync, parseSpiffeBundle('example.org', bundle), options).map(encodeBase64)
  }

  it('believes lists of CAs below the roots, in whatever order these come', () => {
    const middle = caBelow(root)
    const low = caBelow(middle)
    const lists = [listBy(low), listBy(middle), authority.crl(1)]
    expect(believed(lists, [low.certificate, middle.certificate])).toEqual(lists)
  })

  it('believes none of a CA that leads to no root, whoever says that it is one', async () => {
    const other = await TestAuthority.create('example.org', () => NOW)
    const stranger = caBelow({ key: other.caKey, certificate: other.certificate })
    expect(believed([listBy(stranger)], [stranger.certificate, other.certificate])).toEqual([])
    expect(believed([listBy(caBelow(root))], [])).toEqual([])
    expect(believed([listBy(caBelow(root))], [Uint8Array.of(1)])).toEqual([])
  })
})

describe('isChainSignedBy', () => {
  it('finds an authority wherever it stands above the leaf', async () => {
    const middle = caBelow(root)
    const low = caBelow(middle)
    const publicKeySpki = crypto.exportSpki(generateSigningKey('ES256').publicJwk)
    const leaf = issueX509Svid({
      ...{ issuer: low, publicKeySpki, subject: spiffeId('example.org', '/web') },
      ...{ notBefore: NOW, notAfter: NOW + 60, serial: randomSerial(crypto) },
    }) as Uint8Array
    const chain = [leaf, low.certificate, middle.certificate]
    for (const { certificate } of [root, middle, low]) {
      expect(isChainSignedBy(chain, [new X509Certificate(certificate)])).toBe(true)
    }
    const twin = caBelow(root)
    expect(isChainSignedBy(chain, [new X509Certificate(twin.certificate)])).toBe(false)
    expect(isChainSignedBy([decodeBase64('AAAA')], [new X509Certificate(root.certificate)])).toBe(false)
  })
})
