import { BackupError } from './backup-error.ts'
import {
  BACKUP_MAGIC,
  type BackupManifest,
  formatManifest,
  MAX_MANIFEST_BYTES,
  parseManifest,
} from './backup-manifest.ts'
import { ByteReader } from './byte-reader.ts'

/**
 * Reads the manifest of a plain backup and passes everything on. The content fails at its end when it is shorter or longer
 * than the manifest says.
 *
 * @throws BackupError `ERR_BACKUP_FORMAT`
 */
export async function readManifest(
  source: AsyncIterable<Uint8Array>,
): Promise<{ readonly manifest: BackupManifest; readonly content: AsyncIterable<Uint8Array> }> {
  const reader = new ByteReader(source)
  const start = await reader.read(BACKUP_MAGIC.length + 4)
  const size = start.length === BACKUP_MAGIC.length + 4 ? start.readUInt32BE(BACKUP_MAGIC.length) : 0
  if (!start.toString('latin1').startsWith(BACKUP_MAGIC) || size > MAX_MANIFEST_BYTES) {
    throw new BackupError('ERR_BACKUP_FORMAT', 'this is not a backup of a countersign server')
  }
  const manifest = parseManifest(await reader.read(size))
  return { manifest, content: passOn(manifest, reader) }
}

async function* passOn(manifest: BackupManifest, reader: ByteReader): AsyncGenerator<Uint8Array> {
  yield formatManifest(manifest)
  let missing = manifest.files.reduce((sum, { size }) => sum + size, 0)
  for (;;) {
    const piece = await reader.readSome(65_536)
    if (piece === undefined) break
    missing -= piece.length
    yield piece
  }
  if (missing !== 0) throw new BackupError('ERR_BACKUP_FORMAT', 'backup is cut short')
}
