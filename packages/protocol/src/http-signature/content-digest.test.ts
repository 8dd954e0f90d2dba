import { expectCode, promisedCrypto } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { encodeUtf8 } from '../encoding/text.ts'
import type { CryptoBackend } from '../keys/crypto-backend.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { formatContentDigest, verifyContentDigest } from './content-digest.ts'
import { MessageFields } from './message-fields.ts'

/** RFC 9421 appendix B.2 and RFC 9530 appendix B.1: the same content. */
const BODY = encodeUtf8('{"hello": "world"}')
const SHA_256 = 'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:'
const SHA_512 = 'sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:'
const EMPTY = 'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:'

const digestBytes = Buffer.from(SHA_256.slice('sha-256=:'.length, -1), 'base64')
const LONGER = `sha-256=:${Buffer.concat([digestBytes, Buffer.alloc(1)]).toString('base64')}:`
const SHORTER = `sha-256=:${digestBytes.subarray(0, 31).toString('base64')}:`

const { digest: _, digestBase64: __, ...withoutDigest } = nodeCrypto
const OLD: CryptoBackend = withoutDigest

describe.each<readonly [string, CryptoBackend]>([
  ['synchronous', nodeCrypto],
  ['promise-returning', promisedCrypto(nodeCrypto)],
])('content digest on a %s backend', (___, crypto) => {
  const verify =
    (value: string, body: Uint8Array | undefined = BODY, backend = crypto) =>
    async () =>
      verifyContentDigest(new MessageFields(['Content-Digest', value]), body, backend)

  it('is written as published', async () => {
    expect(await formatContentDigest(BODY, 'sha-256', crypto)).toBe(SHA_256)
    expect(await formatContentDigest(BODY, 'sha-512', crypto)).toBe(SHA_512)
  })

  it.each([SHA_256, SHA_512, `${SHA_256}, ${SHA_512}`, `other=:AAEC:, ${SHA_256}`, `md5=1, ${SHA_512}`])(
    'accepts %s',
    async (value) => {
      expect(await verify(value)()).toBe(undefined)
    },
  )

  it('takes absent content for empty content', async () => {
    expect(await verify(EMPTY, new Uint8Array(0))()).toBe(undefined)
    expect(await verifyContentDigest(new MessageFields(['Content-Digest', EMPTY]), undefined, crypto)).toBe(undefined)
    await expectCode(verify(SHA_256, new Uint8Array(0)), 'ERR_SIGNATURE_DIGEST_MISMATCH')
  })

  it.each([
    ['another digest', EMPTY, 'ERR_SIGNATURE_DIGEST_MISMATCH'],
    ['the right digest and more', LONGER, 'ERR_SIGNATURE_DIGEST_MISMATCH'],
    ['a part of the right digest', SHORTER, 'ERR_SIGNATURE_DIGEST_MISMATCH'],
    ['one right and one wrong', `${SHA_256}, sha-512=:AAEC:`, 'ERR_SIGNATURE_DIGEST_MISMATCH'],
    ['one wrong and one right', `sha-256=:AAEC:, ${SHA_512}`, 'ERR_SIGNATURE_DIGEST_MISMATCH'],
    ['no known algorithm', 'md5=:AAEC:', 'ERR_SIGNATURE_DIGEST_ALGORITHM'],
    ['nothing', '', 'ERR_SIGNATURE_DIGEST_ALGORITHM'],
    ['another type', 'sha-256="x"', 'ERR_SIGNATURE_MALFORMED'],
    ['a list', 'sha-256=(1)', 'ERR_SIGNATURE_MALFORMED'],
    ['one algorithm twice', `${SHA_256}, ${SHA_256}`, 'ERR_SIGNATURE_MALFORMED'],
  ])('refuses %s', async (____, value, code) => {
    await expectCode(verify(value), code)
  })
})

describe('a backend without digest', () => {
  it('knows SHA-256 and nothing else', async () => {
    const verify = (value: string) => verifyContentDigest(new MessageFields(['Content-Digest', value]), BODY, OLD)
    expect(verify(SHA_256)).toBe(undefined)
    expect(verify(`${SHA_256}, sha-512=:AAEC:`)).toBe(undefined)
    await expectCode(() => verify(SHA_512), 'ERR_SIGNATURE_DIGEST_ALGORITHM')
    expect(formatContentDigest(BODY, 'sha-256', OLD)).toBe(SHA_256)
    expect(() => formatContentDigest(BODY, 'sha-512', OLD)).toThrow(TypeError)
  })
})
