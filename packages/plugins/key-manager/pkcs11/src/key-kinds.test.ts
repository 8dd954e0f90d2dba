import { generateKeyPairSync } from 'node:crypto'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { describe, expect, it } from 'vitest'
import { algorithmOf, keyKinds } from './key-kinds.ts'

const kinds = keyKinds(2048)
const { x = '', y = '' } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
const point = Buffer.concat([Uint8Array.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
const ofKind = (point: Buffer) => kinds.ES256.toJwk([point])

describe('public keys of tokens', () => {
  it('are read with and without the OCTET STRING around a point', () => {
    const jwk = { kty: 'EC', crv: 'P-256', x, y }
    expect(ofKind(Buffer.concat([Uint8Array.of(4, 65), point]))).toEqual(jwk)
    expect(ofKind(point)).toEqual(jwk)
  })

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['a byte too few', point.subarray(0, 64)],
    ['a byte too many', Buffer.concat([point, Uint8Array.of(0)])],
    ['a compressed point', Buffer.concat([Uint8Array.of(2), point.subarray(1, 33)])],
    ['another type around the point', Buffer.concat([Uint8Array.of(3, 65), point])],
    ['another length around the point', Buffer.concat([Uint8Array.of(4, 64), point])],
    ['a point that is not on the curve', Buffer.concat([point.subarray(0, 64), Uint8Array.of((point[64] ?? 0) ^ 1)])],
  ])('are refused: %s', (_, value) => {
    expect(() => {
      const jwk = ofKind(value)
      // Whether a point is on the curve is for the cryptography to say.
      if (jwk !== undefined) requireOnCurve(jwk)
    }).toThrow()
  })

  it('of RSA lose leading zeros', () => {
    const { n = '', e = '' } = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' })
    const padded = [n, e].map((value) => Buffer.concat([Uint8Array.of(0), Buffer.from(value, 'base64url')]))
    expect(kinds.RS256.toJwk(padded)).toEqual({ kty: 'RSA', n, e })
  })

  it('say which algorithm they are for', () => {
    const [p256, p384] = [kinds.ES256, kinds.ES384].map(({ publicTemplate }) => publicTemplate[0]?.[1] as Uint8Array)
    expect(algorithmOf(3, p256 ?? new Uint8Array())).toBe('ES256')
    expect(algorithmOf(3, p384 ?? new Uint8Array())).toBe('ES384')
    expect(algorithmOf(3, Buffer.from('06052b8104000a', 'hex'))).toBe(undefined)
    expect(algorithmOf(0, new Uint8Array())).toBe('RS256')
    expect(algorithmOf(1, new Uint8Array())).toBe(undefined)
  })
})

function requireOnCurve(jwk: object): void {
  nodeCrypto.importPublicJwk(jwk as never, 'ES256')
}
