/**
 * A stream under a passphrase: scrypt (RFC 7914) makes the key, AES-256-GCM seals it in chunks. Each chunk's nonce holds its
 * number and whether it is the last, so that none can be left out, moved or added.
 *
 * @see Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance (STREAM)
 */
import { createCipheriv, createDecipheriv, randomBytes, type ScryptOptions, scrypt } from 'node:crypto'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { BackupError } from './backup-error.ts'
import { ByteReader } from './byte-reader.ts'

export const ENCRYPTED_MAGIC = 'countersign-backup-encrypted 1\n'

const CHUNK_BYTES = 65_536
const TAG_BYTES = 16
const PREFIX_BYTES = 7
const MAX_CHUNKS = 2 ** 32 - 1
const MAX_HEADER_BYTES = 1024
/** 128 MiB and some tenths of a second for each guess. */
const COST = { N: 2 ** 17, r: 8, p: 1 } as const

const Header = Type.Object(
  {
    kdf: Type.Literal('scrypt'),
    /** Not what a file says: it could ask for all memory there is. */
    N: Type.Literal(COST.N),
    r: Type.Literal(COST.r),
    p: Type.Literal(COST.p),
    cipher: Type.Literal('aes-256-gcm'),
    salt: Type.String({ pattern: '^[A-Za-z0-9_-]{22}$' }),
    prefix: Type.String({ pattern: '^[A-Za-z0-9_-]{10}$' }),
  },
  { additionalProperties: false },
)

export async function* encryptStream(
  source: AsyncIterable<Uint8Array>,
  passphrase: Uint8Array,
): AsyncGenerator<Uint8Array> {
  const [salt, prefix] = [randomBytes(16), randomBytes(PREFIX_BYTES)]
  const fields = { salt: salt.toString('base64url'), prefix: prefix.toString('base64url') }
  const header = Buffer.from(JSON.stringify({ kdf: 'scrypt', ...COST, cipher: 'aes-256-gcm', ...fields }))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(header.length)
  const start = Buffer.concat([Buffer.from(ENCRYPTED_MAGIC), length, header])
  yield start
  const key = await deriveKey(passphrase, salt)
  const reader = new ByteReader(source)
  let chunk = await reader.read(CHUNK_BYTES)
  for (let index = 0; ; index++) {
    const next = chunk.length === CHUNK_BYTES ? await reader.read(CHUNK_BYTES) : Buffer.alloc(0)
    const isLast = next.length === 0
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(prefix, index, isLast)).setAAD(start)
    yield Buffer.concat([cipher.update(chunk), cipher.final(), cipher.getAuthTag()])
    if (isLast) return
    chunk = next
  }
}

/**
 * @param reader after the magic
 * @throws BackupError `ERR_BACKUP_PASSPHRASE` when the passphrase is another one or the file was changed: nothing tells which
 * @throws BackupError `ERR_BACKUP_FORMAT`
 */
export async function* decryptStream(reader: ByteReader, passphrase: Uint8Array): AsyncGenerator<Uint8Array> {
  const length = await reader.read(4)
  const size = length.length === 4 ? length.readUInt32BE() : 0
  const header = await reader.read(size > MAX_HEADER_BYTES ? 0 : size)
  const { salt, prefix } = parseHeader(header)
  const start = Buffer.concat([Buffer.from(ENCRYPTED_MAGIC), length, header])
  const key = await deriveKey(passphrase, salt)
  let chunk = await reader.read(CHUNK_BYTES + TAG_BYTES)
  for (let index = 0; ; index++) {
    const isFull = chunk.length === CHUNK_BYTES + TAG_BYTES
    const next = isFull ? await reader.read(CHUNK_BYTES + TAG_BYTES) : Buffer.alloc(0)
    const isLast = next.length === 0
    yield openChunk(chunk, key, nonceOf(prefix, index, isLast), start)
    if (isLast) return
    chunk = next
  }
}

function openChunk(chunk: Buffer, key: Buffer, nonce: Buffer, start: Buffer): Buffer {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(start)
    decipher.setAuthTag(chunk.subarray(-TAG_BYTES))
    return Buffer.concat([decipher.update(chunk.subarray(0, -TAG_BYTES)), decipher.final()])
  } catch {
    throw new BackupError('ERR_BACKUP_PASSPHRASE', 'passphrase is not the one of this backup, or the backup is damaged')
  }
}

function parseHeader(bytes: Buffer): { readonly salt: Buffer; readonly prefix: Buffer } {
  let header: unknown
  try {
    header = JSON.parse(bytes.toString('utf8'))
  } catch {
    // Reported below.
  }
  if (!Value.Check(Header, header)) throw new BackupError('ERR_BACKUP_FORMAT', 'backup has no valid header')
  return { salt: Buffer.from(header.salt, 'base64url'), prefix: Buffer.from(header.prefix, 'base64url') }
}

function nonceOf(prefix: Buffer, index: number, isLast: boolean): Buffer {
  if (index >= MAX_CHUNKS) throw new BackupError('ERR_BACKUP_FORMAT', 'backup is too large')
  const nonce = Buffer.alloc(12)
  prefix.copy(nonce)
  nonce.writeUInt32BE(index, PREFIX_BYTES)
  nonce[11] = isLast ? 1 : 0
  return nonce
}

function deriveKey(passphrase: Uint8Array, salt: Buffer): Promise<Buffer> {
  const options: ScryptOptions = { ...COST, maxmem: 256 * COST.N * COST.r }
  return new Promise((resolve, reject) => {
    scrypt(passphrase, salt, 32, options, (error, key) => (error === null ? resolve(key) : reject(error)))
  })
}
