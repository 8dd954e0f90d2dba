import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { descriptorOf, getPeerCredentials } from '@countersign/plugin-kit/peer-credentials'

/** Whom the kernel names as the user at the other end of each connection to a Unix socket. */
export class LocalPeers {
  readonly #uids = new WeakMap<Socket, number>()
  readonly #ask: (socket: Socket) => number | undefined

  /** @param ask who connected; the kernel unless a test says otherwise */
  constructor(ask: (socket: Socket) => number | undefined = askKernel) {
    this.#ask = ask
  }

  /** Asks as soon as a connection is accepted, before a byte of it is read. */
  watch(server: Server): void {
    server.prependListener('connection', (socket: Socket) => {
      const uid = this.#ask(socket)
      if (uid !== undefined) this.#uids.set(socket, uid)
    })
  }

  /** `undefined` when the kernel did not say, or the connection came another way. */
  uidOf(socket: Socket): number | undefined {
    return this.#uids.get(socket)
  }
}

function askKernel(socket: Socket): number | undefined {
  // Elsewhere there is nobody to ask; the configuration then allows no mode but 0600, which only the owner can open.
  if (process.platform !== 'linux') return process.geteuid?.()
  const fd = descriptorOf(socket)
  return fd === undefined ? undefined : getPeerCredentials(fd)?.uid
}
