import { createHash } from 'node:crypto'
import { mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BackupError } from './backup-error.ts'
import { BACKUP_MAGIC, type BackupManifest, MAX_MANIFEST_BYTES, parseManifest } from './backup-manifest.ts'
import { ByteReader } from './byte-reader.ts'
import { decryptStream, ENCRYPTED_MAGIC } from './encrypted-stream.ts'

const PIECE_BYTES = 1024 * 1024

/**
 * Writes what a backup holds below a folder, private and safe from a power cut, and checks it against its manifest. What was
 * written is not to be used when this fails.
 *
 * @param source the file's bytes
 * @throws BackupError `ERR_BACKUP_FORMAT`, `ERR_BACKUP_PASSPHRASE` (also when one is needed and none is given)
 * @throws BackupError `ERR_BACKUP_UNWRITABLE`
 */
export async function extractBackup(
  source: AsyncIterable<Uint8Array>,
  folder: string,
  passphrase: Uint8Array | undefined,
): Promise<BackupManifest> {
  const reader = await openPlain(new ByteReader(source), passphrase)
  const length = await reader.read(4)
  const size = length.length === 4 ? length.readUInt32BE() : MAX_MANIFEST_BYTES + 1
  if (size > MAX_MANIFEST_BYTES) throw new BackupError('ERR_BACKUP_FORMAT', 'backup has no valid manifest')
  const manifest = parseManifest(await reader.read(size))
  for (const file of manifest.files) await extractFile(reader, folder, file)
  if ((await reader.readSome(1)) !== undefined) {
    throw new BackupError('ERR_BACKUP_FORMAT', 'backup holds more than its manifest says')
  }
  return manifest
}

/** @returns what follows the magic of the plain form */
async function openPlain(reader: ByteReader, passphrase: Uint8Array | undefined): Promise<ByteReader> {
  const magic = await reader.read(BACKUP_MAGIC.length)
  if (magic.toString('latin1') === BACKUP_MAGIC) return reader
  const more = await reader.read(ENCRYPTED_MAGIC.length - BACKUP_MAGIC.length)
  if (Buffer.concat([magic, more]).toString('latin1') !== ENCRYPTED_MAGIC) {
    throw new BackupError('ERR_BACKUP_FORMAT', 'file is not a backup of a countersign server')
  }
  if (passphrase === undefined) {
    throw new BackupError('ERR_BACKUP_PASSPHRASE', 'backup is encrypted; name its passphrase with --passphrase-file')
  }
  const plain = new ByteReader(decryptStream(reader, passphrase))
  if ((await plain.read(BACKUP_MAGIC.length)).toString('latin1') === BACKUP_MAGIC) return plain
  throw new BackupError('ERR_BACKUP_FORMAT', 'encrypted file is not a backup of a countersign server')
}

async function extractFile(reader: ByteReader, folder: string, file: BackupManifest['files'][number]): Promise<void> {
  const path = join(folder, file.path)
  const hash = createHash('sha256')
  await writing(async () => {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const target = await open(path, 'wx', 0o600)
    try {
      for (let missing = file.size; missing > 0; ) {
        const piece = await reader.readSome(Math.min(missing, PIECE_BYTES))
        if (piece === undefined) throw new BackupError('ERR_BACKUP_FORMAT', 'backup is cut short')
        hash.update(piece)
        await target.writeFile(piece)
        missing -= piece.length
      }
      await target.sync()
    } finally {
      await target.close()
    }
  })
  if (hash.digest('hex') !== file.sha256) {
    throw new BackupError('ERR_BACKUP_FORMAT', `backup is damaged: ${file.path} is not what its manifest says`)
  }
}

/** Gives what the file system says its code. */
export async function writing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const { code, path } = cause as NodeJS.ErrnoException
    if (cause instanceof BackupError || typeof code !== 'string' || code.startsWith('ERR_')) throw cause
    throw new BackupError('ERR_BACKUP_UNWRITABLE', 'data folder cannot be written', {
      detail: `${code} ${path ?? ''}`,
      cause,
    })
  }
}
