import { expectCode } from '@countersign/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { nodeBackend } from '../test-support/backends.ts'
import { generateSigningKey, importSigningKey } from './signing-key.ts'
import { webCrypto } from './web-crypto.ts'

afterEach(() => {
  vi.unstubAllGlobals()
})

const data = new TextEncoder().encode('to be signed')
const notSupported = async () => {
  throw Object.assign(new Error('nothing of the kind'), { name: 'NotSupportedError' })
}

/** The runtime as it is, but for some of its functions. */
function runtimeWith(subtle: object): void {
  const real = globalThis.crypto
  const bound = Object.fromEntries(
    (['importKey', 'exportKey', 'generateKey', 'sign', 'verify', 'digest'] as const).map((name) => [
      name,
      (real.subtle[name] as CallableFunction).bind(real.subtle),
    ]),
  )
  vi.stubGlobal('crypto', { subtle: { ...bound, ...subtle }, getRandomValues: real.getRandomValues.bind(real) })
}

describe('webCrypto', () => {
  it('says that a runtime has no cryptography', async () => {
    const jwk = (await nodeBackend.generate('ES256')).publicJwk
    for (const crypto of [undefined, {}, { getRandomValues: () => undefined }]) {
      vi.stubGlobal('crypto', crypto)
      await expectCode(webCrypto.importPublicJwk(jwk, 'ES256'), 'ERR_KEY_RUNTIME')
      await expectCode(webCrypto.sha256Base64url('a'), 'ERR_KEY_RUNTIME')
      await expectCode(() => webCrypto.randomBytes(1), 'ERR_KEY_RUNTIME')
    }
  })

  it('says that a runtime lacks an algorithm', async () => {
    const key = await nodeBackend.generate('EdDSA')
    runtimeWith({ importKey: notSupported, generateKey: notSupported })
    await expectCode(webCrypto.importPublicJwk(key.publicJwk, 'EdDSA'), 'ERR_KEY_RUNTIME')
    await expectCode(generateSigningKey('EdDSA'), 'ERR_KEY_RUNTIME')
    await expectCode(importSigningKey({ jwk: await key.exportJwk() }, 'EdDSA'), 'ERR_KEY_RUNTIME')
  })

  it('refuses a point off its curve although the runtime would take it', async () => {
    const { x = '' } = (await nodeBackend.generate('ES256')).publicJwk
    runtimeWith({ importKey: async () => ({ type: 'public' }) })
    await expectCode(webCrypto.importPublicJwk({ kty: 'EC', crv: 'P-256', x, y: x }, 'ES256'), 'ERR_KEY_MALFORMED')
  })

  it.each(['P-256', 'P-384', 'P-521'] as const)('knows that points of %s are on their curve', async (curve) => {
    const alg = ({ 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' } as const)[curve]
    runtimeWith({ importKey: async () => ({ type: 'public' }) })
    for (let draw = 0; draw < 20; draw++) {
      const { publicJwk } = await nodeBackend.generate(alg)
      await webCrypto.importPublicJwk(publicJwk, alg)
    }
  })

  it('refuses a key that the runtime refuses', async () => {
    const jwk = (await nodeBackend.generate('ES256')).publicJwk
    runtimeWith({
      importKey: async () => {
        throw new Error('no')
      },
    })
    await expectCode(webCrypto.importPublicJwk(jwk, 'ES256'), 'ERR_KEY_MALFORMED')
  })

  it.each([
    ['an exception', () => Promise.reject(new Error('bad signature'))],
    ['something that is not true', async () => 'yes'],
  ])('takes %s of the runtime for a signature that is wrong', async (_, verify) => {
    const key = await nodeBackend.generate('ES256')
    const verifier = await webCrypto.importPublicJwk(key.publicJwk, 'ES256')
    const signature = await key.sign(data)
    expect(await verifier.verify(data, signature)).toBe(true)
    runtimeWith({ verify })
    expect(await verifier.verify(data, signature)).toBe(false)
  })

  it('checks an Ed25519 scalar itself', async () => {
    const key = await nodeBackend.generate('Ed25519')
    const verifier = await webCrypto.importPublicJwk(key.publicJwk, 'Ed25519')
    const signature = new Uint8Array([...(await key.sign(data)).subarray(0, 32), ...new Uint8Array(32).fill(0x10)])
    runtimeWith({ verify: async () => true })
    expect(await verifier.verify(data, signature)).toBe(false)
    expect(await verifier.verify(data, await key.sign(data))).toBe(true)
  })

  it('judges a key by itself, not by what a runtime makes of its use', async () => {
    const jwk = (await nodeBackend.generate('ES256')).publicJwk
    for (const use of ['sig', 'wit-svid']) {
      await webCrypto.importPublicJwk({ ...jwk, use }, 'ES256')
    }
  })
})

describe('signing keys', () => {
  it('cannot be read out unless they were made for it', async () => {
    for (const key of [await generateSigningKey('ES256'), await importSigningKey(await source(), 'ES256')]) {
      await expect(key.exportJwk()).rejects.toThrow()
      await expect(key.exportPkcs8()).rejects.toThrow()
    }
    const extractable = await importSigningKey(await source(), 'ES256', { extractable: true })
    expect((await extractable.exportJwk()).d).toHaveLength(43)
  })

  it('refuses a public half of another key', async () => {
    const [one, two] = [await nodeBackend.generate('ES256'), await nodeBackend.generate('ES256')]
    const { d } = (await one.exportJwk()) as { d: string }
    await expectCode(importSigningKey({ jwk: { ...two.publicJwk, d } }, 'ES256'), 'ERR_KEY_MALFORMED')
  })

  it.each([['text'], [null], [[]]])('refuses %j for a JWK', async (jwk) => {
    await expectCode(importSigningKey({ jwk: jwk as unknown as object }, 'ES256'), 'ERR_KEY_MALFORMED')
  })

  it.each([
    ['an older form', '-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----'],
    ['text that is not base64', '-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----'],
    ['two blocks', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'.repeat(2)],
    ['too much text', `-----BEGIN PRIVATE KEY-----\n${'A'.repeat(70_000)}\n-----END PRIVATE KEY-----`],
  ])('refuses %s for PEM', async (_, pem) => {
    await expectCode(importSigningKey({ pem }, 'ES256'), 'ERR_KEY_MALFORMED')
  })

  async function source() {
    return { jwk: await (await nodeBackend.generate('ES256')).exportJwk() }
  }
})
