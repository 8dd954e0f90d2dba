import { randomBytes } from 'node:crypto'
import { lstat, mkdir, rename, stat, unlink } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { dirname, join } from 'node:path'
import { MAX_SOCKET_PATH_BYTES } from '@countersign/workload-api/server'
import { AgentError } from '../agent-error.ts'

const GROUP_OR_OTHERS_WRITE = 0o022
const STICKY = 0o1000

/**
 * Makes sure that only the agent can put a socket at this path: creates its folder when missing, and refuses one where
 * another user could swap the socket for their own.
 *
 * @throws AgentError `ERR_AGENT_SOCKET_FOLDER`
 */
export async function prepareSocketFolder(path: string): Promise<void> {
  const folder = dirname(path)
  await mkdir(folder, { recursive: true, mode: 0o755 })
  const { mode, uid } = await stat(folder)
  const own = process.geteuid?.()
  const writableByOthers = (mode & GROUP_OR_OTHERS_WRITE) !== 0 && (mode & STICKY) === 0
  if (writableByOthers || (uid !== own && uid !== 0)) {
    throw new AgentError('ERR_AGENT_SOCKET_FOLDER', 'folder of the socket can be changed by other users', {
      detail: `${folder} owner ${uid} mode ${(mode & 0o7777).toString(8)}`,
    })
  }
}

/** A name in the same folder that nobody knows, for a socket that is not ready to be found. */
export function hiddenSocketPath(path: string): string {
  const hidden = join(dirname(path), `.${randomBytes(6).toString('hex')}`)
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES || Buffer.byteLength(hidden) > MAX_SOCKET_PATH_BYTES) {
    throw new AgentError('ERR_AGENT_SOCKET_PATH', `socket path is longer than ${MAX_SOCKET_PATH_BYTES} bytes`)
  }
  return hidden
}

/**
 * Gives a listening socket its public name, replacing one that a crashed agent left behind.
 *
 * @throws AgentError `ERR_AGENT_SOCKET_IN_USE` when another program answers there, or it is no socket
 */
export async function publishSocket(hidden: string, path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found !== undefined && !found.isSocket()) {
    throw new AgentError('ERR_AGENT_SOCKET_IN_USE', 'a file that is not a socket is in the way', { detail: path })
  }
  if (found !== undefined && (await answers(path))) {
    throw new AgentError('ERR_AGENT_SOCKET_IN_USE', 'another program serves this socket', { detail: path })
  }
  await rename(hidden, path)
}

/** Removes the socket, unless a newer agent has put its own there. */
export async function withdrawSocket(path: string, inode: number): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found?.ino === inode) await unlink(path).catch(() => {})
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', (error: NodeJS.ErrnoException) => {
      // Only these say that nobody is there; a full queue, for one, says the opposite.
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT')
    })
  })
}
