/** Reads a secret that an operator put into a file: a passphrase, a PIN, the bytes of a key. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { KeyManagerError } from '../plugin/key-manager-error.ts'

export const MAX_SECRET_BYTES = 4096
const OTHERS = 0o007
const NEWLINE = 0x0a
const RETURN = 0x0d

/**
 * Reads the whole file, without waiting: secrets are read at the start, and a pipe that nobody writes to must not hold it up.
 *
 * The file may be a link and belong to a group, as mounted secrets are; it may not be open to everybody.
 *
 * @param what for messages, as in "passphrase file"
 * @throws KeyManagerError `ERR_KEY_MANAGER_SECRET` when it cannot be read, is empty or is larger than 4 KiB
 * @throws KeyManagerError `ERR_KEY_MANAGER_PERMISSIONS` when everybody can read or change it
 */
export function readSecretFile(path: string, what: string): Buffer {
  const file = open(path, what)
  try {
    const stats = fstatSync(file)
    if (!stats.isFile()) throw unusable(`${what} "${path}" is not a plain file`)
    if ((stats.mode & OTHERS) !== 0) {
      throw new KeyManagerError(
        'ERR_KEY_MANAGER_PERMISSIONS',
        `everybody can reach ${what} "${path}"; run: chmod o-rwx '${path}'`,
      )
    }
    // One more than allowed: a file that grows while it is read is found too large, not cut short.
    const bytes = Buffer.alloc(MAX_SECRET_BYTES + 1)
    let length = 0
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(file, bytes, length, bytes.length - length, null)
    }
    if (length === 0) throw unusable(`${what} "${path}" is empty`)
    if (length > MAX_SECRET_BYTES) throw unusable(`${what} "${path}" is larger than ${MAX_SECRET_BYTES} bytes`)
    return bytes.subarray(0, length)
  } finally {
    closeSync(file)
  }
}

/** The same for a line of text. The newline that editors and `echo` leave at its end is no part of it. */
export function readSecretLine(path: string, what: string): Buffer {
  const bytes = readSecretFile(path, what)
  let { length } = bytes
  if (bytes[length - 1] === NEWLINE) length -= bytes[length - 2] === RETURN ? 2 : 1
  const line = bytes.subarray(0, length)
  if (length === 0) throw unusable(`${what} "${path}" is empty`)
  if (line.includes(NEWLINE)) throw unusable(`${what} "${path}" has more than one line`)
  return line
}

function open(path: string, what: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (cause) {
    throw unusable(`${what} "${path}" cannot be read`, cause)
  }
}

function unusable(message: string, cause?: unknown): KeyManagerError {
  const detail = (cause as NodeJS.ErrnoException | undefined)?.code
  return new KeyManagerError('ERR_KEY_MANAGER_SECRET', message, {
    cause,
    ...(detail === undefined ? {} : { detail }),
  })
}
