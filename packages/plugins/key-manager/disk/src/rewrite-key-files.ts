/** Brings all key files of a folder to the encryption that is configured: plain to encrypted, one secret to another. */

import { KeyManagerError, type Logger } from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'
import { formatKeyFile, importKey, type KeyContent, type KeyFile, openKeyFile, parseKeyFile } from './key-file.ts'
import type { KeyFolder } from './key-folder.ts'
import type { KeySecrets } from './key-secrets.ts'

/**
 * First everything is read, then everything is written, so that a wrong secret changes nothing. Each file is replaced as a
 * whole: a crash leaves some files as they were and some as they are to be, and the next start, with the same settings,
 * reads both and goes on. Corrupt files are left alone, as ever.
 *
 * @throws KeyManagerError `ERR_KEY_MANAGER_ENCRYPTED` for encrypted files and no secret, `ERR_KEY_MANAGER_PASSPHRASE`
 */
export function rewriteKeyFiles(folder: KeyFolder, secrets: KeySecrets, log: Logger): void {
  const outdated = folder.namesSync().flatMap((name) => readOutdated(folder, name, secrets) ?? [])
  if (outdated.length === 0) return
  const fileKey = secrets.current()
  for (const content of outdated) {
    const text = formatKeyFile(content, fileKey)
    requireSame(content, text, secrets, folder.pathOf(content.kid))
    const { isErased } = folder.replaceSync(content.kid, text)
    log.info({ key: content.kid, encrypted: fileKey !== undefined }, 'key file written anew')
    if (!isErased) {
      log.warn({ key: content.kid }, 'the earlier key file has another name too and was not overwritten there')
    }
  }
}

function readOutdated(folder: KeyFolder, name: string, secrets: KeySecrets): KeyContent | undefined {
  const path = folder.pathOf(name)
  let file: KeyFile
  try {
    file = parseKeyFile(folder.readSync(name), name, path)
  } catch (error) {
    return skipCorrupt(error)
  }
  if (file.version === 2 && !secrets.canDecrypt) throw encrypted(path)
  if (secrets.isCurrent(file)) return undefined
  try {
    const content = secrets.open(file, path)
    importKey(content, path)
    return content
  } catch (error) {
    return skipCorrupt(error)
  }
}

function skipCorrupt(error: unknown): undefined {
  if (errorCode(error) !== 'ERR_KEY_MANAGER_CORRUPT') throw error
  return undefined
}

/** What replaces the only copy of a key is read once before it does. */
function requireSame(content: KeyContent, text: string, secrets: KeySecrets, path: string): void {
  const file = parseKeyFile(Buffer.from(text), content.kid, path)
  const written = openKeyFile(file, secrets.current(), path)
  if (Buffer.compare(written.pkcs8, content.pkcs8) !== 0) throw new Error('key file would not hold its key')
}

function encrypted(path: string): KeyManagerError {
  return new KeyManagerError(
    'ERR_KEY_MANAGER_ENCRYPTED',
    `"${path}" is encrypted; give "keyManager.config.encryption" its passphrase or key file, and with "decrypt: true" ` +
      'beside it for one start to have plain files again',
  )
}
