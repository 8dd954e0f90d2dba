/** Where the key that seals the agent's files comes from. */
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { AgentError } from '../agent-error.ts'
import { Seal } from './seal.ts'
import { writePrivateFile } from './write-private-file.ts'

export const OWN_KEY_FILE = 'seal.key'
const KEY_BYTES = 32
const MAX_KEY_FILE_BYTES = 4096
const GROUP_OR_OTHERS = 0o077
/** A credential of systemd belongs to root, and an access list lets the service's user read it, which shows as group. */
const MORE_THAN_GROUP_READ = 0o037

/**
 * The seal of a key file that the operator provides, such as a credential of systemd; the agent only reads it.
 *
 * @throws AgentError `ERR_AGENT_SEAL_KEY` when there is none, it is too short, or others could read or change it
 */
export async function openProvidedSeal(path: string): Promise<Seal> {
  const key = await readKey(path, MORE_THAN_GROUP_READ, undefined)
  if (key === undefined) throw unusable(path, 'does not exist')
  return new Seal(key)
}

/**
 * The seal of the agent's own key, beside what it seals. A new key is made where there is none.
 *
 * @throws AgentError `ERR_AGENT_SEAL_KEY` when it is there and cannot be used, or cannot be written
 */
export async function openOwnSeal(folder: string): Promise<Seal> {
  const path = join(folder, OWN_KEY_FILE)
  const present = await readKey(path, GROUP_OR_OTHERS, process.geteuid?.())
  return present === undefined ? makeOwnSeal(folder) : new Seal(present)
}

/** Replaces the agent's own key: whatever was sealed with the old one, and copied, cannot be opened any more. */
export async function makeOwnSeal(folder: string): Promise<Seal> {
  const path = join(folder, OWN_KEY_FILE)
  const key = randomBytes(KEY_BYTES)
  try {
    await unlink(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
    await writePrivateFile(path, key)
  } catch (error) {
    throw unusable(path, (error as NodeJS.ErrnoException).code ?? 'cannot be written')
  }
  return new Seal(key)
}

async function readKey(path: string, forbiddenMode: number, owner: number | undefined): Promise<Buffer | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw unusable(path, error.code ?? 'cannot be opened')
    },
  )
  if (file === undefined) return undefined
  try {
    const { mode, size, uid } = await file.stat()
    if ((mode & forbiddenMode) !== 0 || (owner !== undefined && uid !== owner)) {
      throw unusable(path, 'could be read or changed by other users')
    }
    if (size < KEY_BYTES || size > MAX_KEY_FILE_BYTES) {
      throw unusable(path, `has ${size} octets, not ${KEY_BYTES} to ${MAX_KEY_FILE_BYTES}`)
    }
    return await file.readFile()
  } finally {
    await file.close()
  }
}

function unusable(path: string, reason: string): AgentError {
  return new AgentError('ERR_AGENT_SEAL_KEY', 'key of the sealed credentials cannot be used', {
    detail: `${path}: ${reason}`,
  })
}
