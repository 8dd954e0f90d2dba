import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { CryptoBackendFixture } from './fixture.ts'

export function describeHashes(name: string, { crypto }: CryptoBackendFixture): void {
  describe(`${name} keeps the crypto backend contract: hashes and randomness`, () => {
    it('hashes text as its UTF-8 bytes', async () => {
      const expected = createHash('sha256').update('é', 'utf8').digest()
      expect(Buffer.from(await crypto.sha256('é')).equals(expected)).toBe(true)
      expect(Buffer.from(await crypto.sha256(Buffer.from('é'))).equals(expected)).toBe(true)
      expect(await crypto.sha256Base64url('é')).toBe(expected.toString('base64url'))
    })

    it.each([
      ['sha-256', 'sha256'],
      ['sha-512', 'sha512'],
    ] as const)('hashes bytes with %s', async (algorithm, nodeName) => {
      const expected = createHash(nodeName).update('é').digest()
      expect(Buffer.from((await crypto.digest?.(algorithm, Buffer.from('é'))) ?? []).equals(expected)).toBe(true)
      const text = await crypto.digestBase64?.(algorithm, Buffer.from('é'))
      expect(text ?? expected.toString('base64')).toBe(expected.toString('base64'))
    })

    it('never gives the same random bytes twice, and as many as were asked for', () => {
      const seen = new Set<string>()
      for (let draw = 0; draw < 1000; draw++) seen.add(Buffer.from(crypto.randomBytes(16)).toString('hex'))
      expect(seen.size).toBe(1000)
      for (const length of [0, 1, 1024, 5000, 65_536, 200_001]) {
        const bytes = crypto.randomBytes(length)
        expect(bytes).toHaveLength(length)
        if (length >= 1024) expect(new Set(bytes.slice(-1000)).size).toBeGreaterThan(128)
      }
    })
  })
}
