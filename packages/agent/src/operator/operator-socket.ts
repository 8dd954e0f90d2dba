import { once } from 'node:events'
import { chmod, lstat, mkdtemp, rm } from 'node:fs/promises'
import type { Server as HttpServer, IncomingMessage } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import type { Clock, Logger, PeerProcess } from '@countersign/plugin-kit'
import { MAX_SOCKET_PATH_BYTES } from '@countersign/workload-api/server'
import { AgentError } from '../agent-error.ts'
import { LogLimit } from '../log-limit.ts'
import { holdPeerProcess } from '../socket/peer-process.ts'
import { prepareSocketFolder, publishSocket, withdrawSocket } from '../socket/socket-path.ts'
import { OperatorError } from './operator-error.ts'
import { formatRefusal } from './operator-problem.ts'

export interface OperatorSocketOptions {
  readonly path: string
  readonly clock: Clock
  readonly log: Logger
  /** Takes over connections of those who may ask. */
  readonly http: HttpServer
}

const MAX_CONNECTIONS = 16
/** For a connection to say what it wants. */
const REQUEST_TIMEOUT_MS = 10_000

/** Root, and the user the agent runs as: both could read the agent's memory anyway. */
export function isOperator(uid: number, ownUid: number | undefined): boolean {
  return uid === 0 || uid === ownUid
}

/**
 * The Unix socket on which the operator asks the agent. Only its owner and root can open it: it appears at its path with
 * mode 0600, from a folder that nobody else can enter. Who connected is asked of the kernel as well, before a byte is
 * read, so that a mode changed by mistake opens nothing.
 */
export class OperatorSocket {
  readonly path: string
  readonly #options: OperatorSocketOptions
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #peers = new WeakMap<Socket, PeerProcess>()
  readonly #asked = new WeakSet<Socket>()
  readonly #logLimit: LogLimit
  #inode = -1

  private constructor(options: OperatorSocketOptions) {
    this.path = options.path
    this.#options = options
    this.#logLimit = new LogLimit(options.clock)
    this.#server = createServer({ pauseOnConnect: true }, (socket) => this.#accept(socket))
    this.#server.maxConnections = MAX_CONNECTIONS
    options.http.on('request', ({ socket }: IncomingMessage) => this.#asked.add(socket))
  }

  /** @throws AgentError `ERR_AGENT_SOCKET_IN_USE`, `ERR_AGENT_SOCKET_FOLDER`, `ERR_AGENT_SOCKET_PATH` */
  static async open(options: OperatorSocketOptions): Promise<OperatorSocket> {
    await prepareSocketFolder(options.path)
    const socket = new OperatorSocket(options)
    const folder = await mkdtemp(join(dirname(options.path), '.o'))
    try {
      const hidden = join(folder, 's')
      rejectLongPath(options.path)
      rejectLongPath(hidden)
      socket.#server.listen(hidden)
      await once(socket.#server, 'listening')
      await chmod(hidden, 0o600)
      socket.#inode = (await lstat(hidden)).ino
      await publishSocket(hidden, options.path)
    } catch (error) {
      socket.#server.close()
      throw error
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
    options.log.info({ socket: options.path }, 'operator socket is open')
    return socket
  }

  /** The process at the other end. */
  peer(socket: Socket): PeerProcess | undefined {
    return this.#peers.get(socket)
  }

  async close(): Promise<void> {
    const inode = this.#inode
    this.#inode = -1
    if (inode === -1) return
    await withdrawSocket(this.path, inode)
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #accept(socket: Socket): void {
    socket.on('error', () => {})
    const held = holdPeerProcess(socket, { pidfd: false })
    if (held === undefined) {
      socket.destroy()
      return
    }
    this.#sockets.add(socket)
    // Node counts the time of a request only for a server that listens itself.
    const cancelTimeout = this.#options.clock.schedule(REQUEST_TIMEOUT_MS, () => {
      if (!this.#asked.has(socket)) socket.destroy()
    })
    socket.once('close', () => {
      cancelTimeout()
      this.#sockets.delete(socket)
      held.release()
    })
    if (!isOperator(held.process.uid, process.geteuid?.())) {
      this.#refuse(socket, held.process)
      return
    }
    this.#peers.set(socket, held.process)
    this.#options.http.emit('connection', socket)
    socket.resume()
  }

  #refuse(socket: Socket, { pid, uid }: PeerProcess): void {
    const admitted = this.#logLimit.admit(String(uid))
    if (admitted !== undefined) {
      this.#options.log.warn({ pid, uid, ...admitted }, 'connection to the operator socket refused')
    }
    socket.end(
      formatRefusal(new OperatorError('ERR_OPERATOR_PEER', "only root and the agent's user may ask the agent")),
    )
    // What it sends is thrown away; closed before it was read, the answer could get lost.
    socket.resume()
  }
}

function rejectLongPath(path: string): void {
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return
  throw new AgentError(
    'ERR_AGENT_SOCKET_PATH',
    `path of the operator socket is longer than ${MAX_SOCKET_PATH_BYTES} bytes: set "operator.socket", or "operator.enabled: false"`,
  )
}
