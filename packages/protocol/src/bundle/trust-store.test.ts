import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { TrustStore } from './trust-store.ts'

const one = generateSigningKey('ES256', { kid: 'a' }).publicJwk
const two = generateSigningKey('ES256', { kid: 'a' }).publicJwk

describe('TrustStore', () => {
  it('keeps origins apart, also the same trust domain under two schemes', () => {
    const store = new TrustStore(nodeCrypto)
    store.set('spiffe://example.org', { witKeys: [one], issuers: ['https://issuer.example'] })
    store.set('wimse://example.org', { witKeys: [two] })
    expect(store.get('spiffe://example.org')?.witKeys.jwks).toEqual([one])
    expect(store.get('wimse://example.org')?.witKeys.jwks).toEqual([two])
    expect(store.get('wimse://example.org')?.issuers.size).toBe(0)
    expect(store.get('spiffe://other.example')).toBe(undefined)
    expect(store.origins()).toEqual(['spiffe://example.org', 'wimse://example.org'])
  })

  it('keeps uses apart', () => {
    const store = new TrustStore(nodeCrypto)
    store.set('spiffe://example.org', { witKeys: [one], jwtKeys: [two], x509Roots: [new Uint8Array([1])] })
    const trust = store.get('spiffe://example.org')
    expect(trust?.witKeys.jwks).toEqual([one])
    expect(trust?.jwtKeys.jwks).toEqual([two])
    expect(trust?.x509Roots).toEqual([new Uint8Array([1])])
  })

  it('replaces all trust of an origin at once', () => {
    const store = new TrustStore(nodeCrypto)
    store.set('spiffe://example.org', { witKeys: [one], jwtKeys: [one], issuers: ['a'], x509Roots: [new Uint8Array()] })
    const before = store.get('spiffe://example.org')
    store.set('spiffe://example.org', { witKeys: [two] })
    const after = store.get('spiffe://example.org')
    expect(after).not.toBe(before)
    expect(after?.witKeys.jwks).toEqual([two])
    expect(after?.jwtKeys.jwks).toEqual([])
    expect(after?.x509Roots).toEqual([])
    expect(after?.issuers.size).toBe(0)
  })

  it('forgets a deleted origin, and only that', () => {
    const store = new TrustStore(nodeCrypto)
    store.set('spiffe://example.org', { witKeys: [one] })
    store.set('wimse://example.org', { witKeys: [one] })
    store.delete('spiffe://example.org')
    expect(store.get('spiffe://example.org')).toBe(undefined)
    expect(store.origins()).toEqual(['wimse://example.org'])
  })

  it('takes a SPIFFE bundle for the spiffe scheme only', () => {
    const store = new TrustStore(nodeCrypto)
    store.setBundle({
      trustDomain: 'example.org',
      x509Authorities: [new Uint8Array([1])],
      jwtAuthorities: [one],
      witAuthorities: [two],
    })
    expect(store.origins()).toEqual(['spiffe://example.org'])
    expect(store.get('spiffe://example.org')).toMatchObject({
      origin: 'spiffe://example.org',
      x509Roots: [new Uint8Array([1])],
      jwtKeys: { jwks: [one] },
      witKeys: { jwks: [two] },
    })
  })

  it.each([
    ['a bare trust domain', 'example.org', 'ERR_IDENTIFIER_NOT_ABSOLUTE'],
    ['an identifier', 'spiffe://example.org/a', 'ERR_IDENTIFIER_PATH'],
    ['another scheme', 'https://example.org', 'ERR_IDENTIFIER_SCHEME'],
    ['upper case', 'spiffe://Example.org', 'ERR_IDENTIFIER_NOT_CANONICAL'],
  ])('refuses %s as an origin', async (_, origin, code) => {
    const store = new TrustStore(nodeCrypto)
    await expectCode(() => store.set(origin, { witKeys: [one] }), code)
    expect(store.origins()).toEqual([])
  })
})
