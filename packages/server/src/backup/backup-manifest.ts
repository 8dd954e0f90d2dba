/** What a backup holds, at its beginning. */
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { BackupError } from './backup-error.ts'

export const BACKUP_MAGIC = 'countersign-backup 1\n'
export const MAX_MANIFEST_BYTES = 16 * 1024 * 1024

/** No name leads out of a folder, begins with a dot, or is longer than a file system takes. */
const SAFE_PATH = '^[A-Za-z0-9][A-Za-z0-9._-]{0,199}(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,199}){0,3}$'

const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

export const BackupManifest = Type.Object(
  {
    format: Type.Literal(1),
    /** Of the program that made it. */
    version: Type.String({ maxLength: 64 }),
    createdAt: count,
    trustDomain: Type.String({ minLength: 1, maxLength: 255 }),
    schemaVersion: count,
    revision: count,
    /** No revision above this one had been used. */
    reserved: count,
    /** Signing keys that the store knows, in the order in which they were made. */
    authorities: Type.Array(
      Type.Object({ id: Type.String(), kind: Type.String(), state: Type.String() }, { additionalProperties: false }),
    ),
    /** Whether private signing keys are among the files; some key managers keep them elsewhere. */
    keysIncluded: Type.Boolean(),
    /** In the order in which they follow. Paths are relative to the data folder. */
    files: Type.Array(
      Type.Object(
        { path: Type.String({ pattern: SAFE_PATH }), size: count, sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }) },
        { additionalProperties: false },
      ),
      { maxItems: 100_000 },
    ),
  },
  { additionalProperties: false },
)
export type BackupManifest = Static<typeof BackupManifest>

export function formatManifest(manifest: BackupManifest): Buffer {
  const text = Buffer.from(JSON.stringify(manifest))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  return Buffer.concat([Buffer.from(BACKUP_MAGIC), length, text])
}

/** @throws BackupError `ERR_BACKUP_VERSION` for a later format, `ERR_BACKUP_FORMAT` */
export function parseManifest(bytes: Buffer): BackupManifest {
  let manifest: unknown
  try {
    manifest = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    // Reported below.
  }
  if (!Value.Check(BackupManifest, manifest)) throw new BackupError('ERR_BACKUP_FORMAT', 'backup has no valid manifest')
  const paths = new Set(manifest.files.map(({ path }) => path))
  if (paths.size !== manifest.files.length) throw new BackupError('ERR_BACKUP_FORMAT', 'backup names a file twice')
  return manifest
}
