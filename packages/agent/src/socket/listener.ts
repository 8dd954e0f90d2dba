import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, lstat, unlink } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock, Logger, PeerProcess } from '@countersign/plugin-kit'
import { LogLimit } from '../log-limit.ts'
import { ConnectionCounter, type ConnectionLimits } from './connection-limits.ts'
import type { Http2InputError } from './http2-input-error.ts'
import { holdPeerProcess } from './peer-process.ts'
import { PREFACE_BYTES } from './request-stamper.ts'
import { testPeerCredentials } from './self-test.ts'
import { hiddenSocketPath, prepareSocketFolder, publishSocket, withdrawSocket } from './socket-path.ts'
import { StampedConnection } from './stamped-connection.ts'

export interface ListenerOptions {
  readonly path: string
  readonly limits: ConnectionLimits
  /** How long a peer may take to send the HTTP/2 preface. */
  readonly handshakeTimeoutMs: number
  readonly clock: Clock
  readonly log: Logger
  /** Takes over an accepted connection whose peer is known. Each request over it has the connection's key for a host. */
  readonly serve: (connection: Duplex, connectionKey: string) => void
}

/** After a restart of the agent every program connects at once. The kernel allows no more than `net.core.somaxconn`. */
const BACKLOG = 4096

/**
 * The agent's Unix socket: accepts connections, asks the kernel who connected before a byte is read, and hands them on.
 *
 * Of a connection over a Unix socket gRPC tells a handler nothing. So each gets a random key, under which
 * {@link Listener.peer} finds the process, and every request that comes over it is given that key for its `:authority`,
 * whatever the client sent. A caller never sees the key and cannot guess it.
 */
export class Listener {
  readonly #options: ListenerOptions
  readonly #server: Server
  readonly #logLimit: LogLimit
  readonly #counter: ConnectionCounter
  readonly #peers = new Map<string, PeerProcess>()
  readonly #sockets = new Set<Socket>()
  #inode = -1
  #pidfd = false

  private constructor(options: ListenerOptions) {
    this.#options = options
    this.#logLimit = new LogLimit(options.clock)
    this.#counter = new ConnectionCounter(options.limits)
    // Paused, so that no byte is read before the credentials are.
    this.#server = createServer({ pauseOnConnect: true }, (socket) => this.#accept(socket))
  }

  /**
   * Listens. The socket appears at its path, open to every user, only after the self-test has passed.
   *
   * @throws AgentError `ERR_AGENT_PEER_CREDENTIALS` when the kernel does not name this process as its own peer
   * @throws AgentError `ERR_AGENT_SOCKET_IN_USE`, `ERR_AGENT_SOCKET_FOLDER`, `ERR_AGENT_SOCKET_PATH`
   */
  static async open(options: ListenerOptions): Promise<Listener> {
    await prepareSocketFolder(options.path)
    const hidden = hiddenSocketPath(options.path)
    const pidfd = await testPeerCredentials(hidden)
    const listener = new Listener(options)
    listener.#pidfd = pidfd
    listener.#server.listen({ path: hidden, backlog: BACKLOG })
    await once(listener.#server, 'listening')
    try {
      // Every program may connect; what it then gets depends on who it is.
      await chmod(hidden, 0o777)
      listener.#inode = (await lstat(hidden)).ino
      await publishSocket(hidden, options.path)
    } catch (error) {
      await unlink(hidden).catch(() => {})
      listener.#server.close()
      throw error
    }
    options.log.info({ socket: options.path, pidfd }, 'workload API socket is open')
    return listener
  }

  /** The process behind the connection with this key; `undefined` once the connection has closed. */
  peer(connectionKey: string): PeerProcess | undefined {
    return this.#peers.get(connectionKey)
  }

  get connections(): number {
    return this.#counter.total
  }

  /** Stops accepting and drops what is left of the open connections. */
  async close(): Promise<void> {
    // Inode numbers are used again, so this is only known to be ours until it is removed.
    const inode = this.#inode
    this.#inode = -1
    if (inode === -1) return
    await withdrawSocket(this.#options.path, inode)
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #accept(socket: Socket): void {
    // Until HTTP/2 has it, a reset by the peer would otherwise end the program.
    socket.on('error', () => {})
    const held = holdPeerProcess(socket, { pidfd: this.#pidfd })
    if (held === undefined) {
      this.#options.log.debug({}, 'peer of a connection is unknown or gone, connection dropped')
      socket.destroy()
      return
    }
    const { pid, uid } = held.process
    if (!this.#counter.tryAdd(uid)) {
      const admitted = this.#logLimit.admit(String(uid))
      if (admitted !== undefined) {
        const fields = { pid, uid, connections: this.#counter.total, ...admitted }
        this.#options.log.warn(fields, 'too many connections, connection dropped')
      }
      held.release()
      socket.destroy()
      return
    }
    const key = randomBytes(16).toString('base64url')
    this.#peers.set(key, held.process)
    this.#sockets.add(socket)
    const cancelTimeout = this.#options.clock.schedule(this.#options.handshakeTimeoutMs, () => {
      if (socket.bytesRead < PREFACE_BYTES) socket.destroy()
    })
    socket.once('close', () => {
      cancelTimeout()
      this.#peers.delete(key)
      this.#sockets.delete(socket)
      this.#counter.remove(uid)
      held.release()
    })
    const onRefused = ({ code, message }: Http2InputError) => {
      const admitted = this.#logLimit.admit(`input ${uid}`)
      if (admitted === undefined) return
      this.#options.log.warn({ pid, uid, code, reason: message, ...admitted }, 'client broke the rules of HTTP/2')
    }
    this.#options.serve(new StampedConnection(socket, key, onRefused), key)
  }
}
