import { buildCaCertificate, type Eventual, encodePem, issueX509Svid, WorkloadId } from '@countersign/protocol'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { describe, expect, it } from 'vitest'
import { NOW } from '../../test-support/run-cli.ts'
import { executeCase } from '../execute-case.ts'
import type { JsonValue, TestCase } from '../test-case.ts'

const key = generateSigningKey('ES256')
const ID = 'spiffe://a.example/client'
const publicKeySpki = nodeCrypto.exportSpki(generateSigningKey('ES256').publicJwk)
const times = { notBefore: NOW - 60, notAfter: NOW + 60, serial: Uint8Array.of(1) }
const root = await der(
  buildCaCertificate({
    ...times,
    key,
    crypto: nodeCrypto,
    subject: { commonName: 'root' },
    trustDomain: 'a.example',
  }),
)
const leaf = await der(
  issueX509Svid({ ...times, issuer: { certificate: root, key }, publicKeySpki, subject: WorkloadId.parse(ID) }),
)
const TRUST = [{ origin: 'spiffe://b.example' }, { origin: 'spiffe://a.example', x509: [encodePem([root])] }]

async function der(value: Eventual<Uint8Array>): Promise<Uint8Array> {
  return value
}

function wicCase(config: JsonValue = {}, change: Partial<TestCase> = {}): TestCase {
  const rest = { id: 'w/1', area: 'wic', level: 'MUST', now: NOW, reason: 'ok', result: {} }
  const input = { chain: [encodePem([leaf])] }
  return { ...rest, config: { trust: TRUST, role: 'client', ...config }, input, expect: 'accept', ...change }
}

describe('wic cases', () => {
  it('accepts, and holds the subject against the expected one', async () => {
    const accepted = { got: 'accept', code: null, ok: true }
    for (const role of ['client', 'server']) {
      expect(await executeCase(wicCase({ role }, { result: { sub: ID } }))).toEqual(accepted)
    }
    const other = wicCase({}, { result: { sub: 'spiffe://a.example/server' } })
    expect(await executeCase(other)).toMatchObject({ ok: false, remark: 'returned another sub' })
  })

  it('takes a chain as one block for each certificate, or as one text', async () => {
    for (const chain of [[encodePem([leaf]), encodePem([root])], [encodePem([leaf, root])]]) {
      expect(await executeCase(wicCase({}, { input: { chain } }))).toMatchObject({ got: 'accept' })
    }
  })

  it("uses the case's clock, and grants no skew that the case does not", async () => {
    expect(await executeCase(wicCase({}, { now: NOW + 60 }))).toMatchObject({ got: 'accept' })
    expect(await executeCase(wicCase({}, { now: NOW + 61 }))).toMatchObject({ code: 'ERR_CERTIFICATE_EXPIRED' })
    expect(await executeCase(wicCase({ clock_skew: 1 }, { now: NOW + 61 }))).toMatchObject({ got: 'accept' })
  })

  it('keeps anchors to their origin', async () => {
    const [, home] = TRUST
    const codeOf = async (origin: string) => (await executeCase(wicCase({ trust: [{ ...home, origin }] }))).code
    expect(await codeOf('wimse://a.example')).toBe('ERR_CERTIFICATE_TRUST_DOMAIN_UNKNOWN')
    expect(await codeOf('spiffe://b.example')).toBe('ERR_CERTIFICATE_TRUST_DOMAIN_UNKNOWN')
    expect((await executeCase(wicCase({ trust: [{ origin: 'spiffe://a.example' }] }))).code).toBe(
      'ERR_CERTIFICATE_UNTRUSTED',
    )
  })

  it('honours expected_peer', async () => {
    expect(await executeCase(wicCase({ expected_peer: ID }))).toMatchObject({ got: 'accept' })
    expect(await executeCase(wicCase({ expected_peer: `${ID}2` }))).toMatchObject({
      code: 'ERR_CERTIFICATE_UNEXPECTED_PEER',
    })
  })

  it.each<[string, readonly string[], string]>([
    ['no certificate', [], 'ERR_CERTIFICATE_CHAIN_LENGTH'],
    ['what is no PEM', ['certificate'], 'ERR_CERTIFICATE_PEM'],
    ['a CA as leaf', [encodePem([root])], 'ERR_CERTIFICATE_IDENTIFIER'],
  ])('refuses %s', async (_, chain, code) => {
    expect(await executeCase(wicCase({}, { input: { chain }, expect: 'reject' }))).toEqual({
      got: 'reject',
      code,
      ok: true,
    })
  })

  it.each<[string, JsonValue]>([
    ['an unknown role', { role: 'proxy' }],
    ['no role', { role: undefined }],
    ['no trust', { trust: undefined }],
    ['an origin that is none', { trust: [{ origin: 'a.example' }] }],
    ['an anchor that is no PEM', { trust: [{ origin: 'spiffe://a.example', x509: ['x'] }] }],
    ['an expected peer that is no identifier', { expected_peer: 'spiffe://a.example' }],
  ])('counts %s as an error, whatever was expected', async (_, config) => {
    expect(await executeCase(wicCase(config, { expect: 'reject' }))).toMatchObject({ got: 'error', ok: false })
  })
})
