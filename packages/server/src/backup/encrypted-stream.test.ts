import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { collectBytes, inPieces } from '../test-support/backup-of-test-server.ts'
import { ByteReader } from './byte-reader.ts'
import { decryptStream, ENCRYPTED_MAGIC, encryptStream } from './encrypted-stream.ts'

const PASSPHRASE = Buffer.from('correct horse battery staple')
const CHUNK = 65_536 + 16

const seal = (plain: Uint8Array) => collectBytes(encryptStream(inPieces(plain), PASSPHRASE))

async function open(sealed: Uint8Array, passphrase: Uint8Array = PASSPHRASE): Promise<Buffer> {
  const reader = new ByteReader(inPieces(sealed))
  await reader.read(ENCRYPTED_MAGIC.length)
  return collectBytes(decryptStream(reader, passphrase))
}

/** Where the first chunk begins. */
const startOf = (sealed: Buffer) => ENCRYPTED_MAGIC.length + 4 + sealed.readUInt32BE(ENCRYPTED_MAGIC.length)

describe('encrypted stream', () => {
  it.each([0, 1, 65_535, 65_536, 65_537, 131_072, 200_000])('gives back %i bytes', async (size) => {
    const plain = Buffer.alloc(size, 'secret ')
    const sealed = await seal(plain)
    expect(sealed.includes('secret')).toBe(false)
    expect((await open(sealed)).equals(plain)).toBe(true)
  })

  it('is another one each time', async () => {
    expect((await seal(Buffer.from('x'))).equals(await seal(Buffer.from('x')))).toBe(false)
  })

  it('refuses another passphrase', async () => {
    await expectCode(open(await seal(Buffer.from('x')), Buffer.from('another one')), 'ERR_BACKUP_PASSPHRASE')
  })

  const damages: [string, (sealed: Buffer, start: number) => Buffer][] = [
    ['a changed byte', (sealed, start) => Buffer.from(sealed.fill(0x7f, start + 10, start + 11))],
    ['a changed tag', (sealed) => sealed.fill(0, sealed.length - 1)],
    ['a missing last chunk', (sealed, start) => sealed.subarray(0, start + 2 * CHUNK)],
    [
      'a missing first chunk',
      (sealed, start) => Buffer.concat([sealed.subarray(0, start), sealed.subarray(start + CHUNK)]),
    ],
    [
      'two chunks in the other order',
      (sealed, start) =>
        Buffer.concat([
          sealed.subarray(0, start),
          sealed.subarray(start + CHUNK, start + 2 * CHUNK),
          sealed.subarray(start, start + CHUNK),
          sealed.subarray(start + 2 * CHUNK),
        ]),
    ],
    ['something behind the end', (sealed) => Buffer.concat([sealed, Buffer.from('more')])],
    ['the end of a chunk', (sealed) => sealed.subarray(0, sealed.length - 5)],
    [
      'another spelling of its header',
      (sealed, start) => {
        const length = Buffer.alloc(4)
        length.writeUInt32BE(start - ENCRYPTED_MAGIC.length - 4 + 1)
        const magic = sealed.subarray(0, ENCRYPTED_MAGIC.length)
        const header = sealed.subarray(ENCRYPTED_MAGIC.length + 4, start)
        return Buffer.concat([magic, length, header, Buffer.from(' '), sealed.subarray(start)])
      },
    ],
    ['everything', (sealed, start) => sealed.subarray(0, start)],
    ['another salt', (sealed) => Buffer.from(sealed.toString('latin1').replace(/"salt":"./, '"salt":"A'), 'latin1')],
  ]
  it.each(damages)('notices %s', async (name, damage) => {
    let sealed = await seal(Buffer.alloc(150_000, 1))
    while (name === 'another salt' && sealed.includes('"salt":"A')) sealed = await seal(Buffer.alloc(150_000, 1))
    await expectCode(open(damage(sealed, startOf(sealed))), 'ERR_BACKUP_PASSPHRASE')
  })

  it.each([
    ['a header of another kind', (text: string) => text.replace('scrypt', 'script')],
    ['a cost that takes all memory', (text: string) => text.replace('131072', '999999')],
    ['no JSON', (text: string) => text.replace('{', '[')],
  ])('refuses %s', async (_, change) => {
    const sealed = await seal(Buffer.from('x'))
    await expectCode(open(Buffer.from(change(sealed.toString('latin1')), 'latin1')), 'ERR_BACKUP_FORMAT')
  })
})
