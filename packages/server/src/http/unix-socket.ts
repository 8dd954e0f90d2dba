import { chmod, chown, mkdir, mkdtemp, rename, rm, stat, unlink } from 'node:fs/promises'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { ServerError } from '../server-error.ts'
import { Listener } from './listener.ts'

/** A server that accepts on a Unix socket. */
export interface SocketListener {
  readonly path: string
  stop(): Promise<void>
}

/** Who may open a socket. */
export interface SocketAccess {
  readonly mode: number
  /** The group it belongs to; that of the server without it. */
  readonly gid?: number | undefined
}

const OWNER_ONLY: SocketAccess = { mode: 0o600 }

/**
 * Accepts connections on a Unix socket, which only its owner can open unless `access` says otherwise. It is bound inside a folder of mode 0700 and moved
 * into place with its final mode, so that it is never open to others, not for an instant. A socket file nobody answers
 * on is replaced.
 *
 * @throws ServerError `ERR_SERVER_SOCKET_IN_USE` when another process answers there
 * @throws ServerError `ERR_SERVER_SOCKET_PATH` when something else than a socket is there, or the folder is not usable
 */
export async function listenOnSocket(
  server: Server,
  path: string,
  access: SocketAccess = OWNER_ONLY,
): Promise<SocketListener> {
  await rejectUsedPath(path)
  const listener = new Listener(server)
  let folder: string | undefined
  try {
    // A folder that is made for it must let through whom the socket does.
    await mkdir(dirname(path), { recursive: true, mode: (access.mode & 0o077) === 0 ? 0o700 : 0o755 })
    folder = await mkdtemp(join(dirname(path), '.s'))
    const bound = join(folder, 's')
    await listener.listen({ path: bound })
    // Before the mode: a group that is not meant must not have it for an instant.
    if (access.gid !== undefined) await chown(bound, -1, access.gid)
    await chmod(bound, access.mode)
    await rename(bound, path)
  } catch (cause) {
    const detail = String((cause as NodeJS.ErrnoException).code ?? '')
    throw new ServerError('ERR_SERVER_SOCKET_PATH', 'admin socket cannot be created', { detail, cause })
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  }
  const { ino } = await stat(path)
  return {
    path,
    async stop() {
      // Only our own: by now another server may have moved its socket here.
      if ((await stat(path).catch(() => undefined))?.ino === ino) await unlink(path)
      await listener.stop()
    },
  }
}

async function rejectUsedPath(path: string): Promise<void> {
  const present = await stat(path).catch(() => undefined)
  if (present === undefined) return
  if (!present.isSocket()) {
    throw new ServerError('ERR_SERVER_SOCKET_PATH', 'path of the admin socket is taken by something else')
  }
  if (await isAnswered(path)) {
    throw new ServerError('ERR_SERVER_SOCKET_IN_USE', 'another process listens on the admin socket')
  }
}

/** Anything but a clear refusal counts as an answer: never take a socket from someone who may be using it. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path })
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT')
    })
  })
}
