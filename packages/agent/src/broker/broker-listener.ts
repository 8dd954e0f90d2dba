import { once } from 'node:events'
import { chmod, lstat, unlink } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { AgentError } from '../agent-error.ts'
import type { BrokerConfig } from '../config/broker-config.ts'
import { hiddenSocketPath, prepareSocketFolder, publishSocket, withdrawSocket } from '../socket/socket-path.ts'
import { type RemoteAddress, tcpAddress, unixAddress } from './remote-address.ts'

type Accept = (socket: Socket, remote: RemoteAddress) => void

/** The Unix socket and the TCP port of the Broker API. Neither is trusted more than the other. */
export class BrokerListener {
  readonly #accept: Accept
  readonly #servers: Server[] = []
  #withdraw = async () => {}
  #port: number | undefined

  private constructor(accept: Accept) {
    this.#accept = accept
  }

  /** @throws AgentError `ERR_AGENT_SOCKET_*`, `ERR_AGENT_BROKER_ADDRESS` when an address cannot be had */
  static async open({ socket, tcp }: Pick<BrokerConfig, 'socket' | 'tcp'>, accept: Accept): Promise<BrokerListener> {
    const listener = new BrokerListener(accept)
    try {
      if (socket !== undefined) await listener.#listenOnSocket(socket)
      if (tcp !== undefined) await listener.#listenOnTcp(tcp)
    } catch (error) {
      await listener.close()
      throw error
    }
    return listener
  }

  /** Where TCP listens, if it does. */
  get port(): number | undefined {
    return this.#port
  }

  /** Stops accepting. What is open is for whoever accepted it to close; until then this does not resolve. */
  async close(): Promise<void> {
    await this.#withdraw()
    const closed = this.#servers.map((server) => once(server, 'close'))
    for (const server of this.#servers.splice(0)) server.close()
    await Promise.all(closed)
  }

  async #listenOnSocket({ path, mode }: { readonly path: string; readonly mode: number }): Promise<void> {
    await prepareSocketFolder(path)
    const hidden = hiddenSocketPath(path)
    const server = createServer((socket) => this.#accept(socket, unixAddress(socket)))
    await this.#listen(server, { path: hidden })
    try {
      await chmod(hidden, mode)
      const { ino } = await lstat(hidden)
      await publishSocket(hidden, path)
      this.#withdraw = () => withdrawSocket(path, ino)
    } catch (error) {
      await unlink(hidden).catch(() => {})
      throw error
    }
  }

  async #listenOnTcp(tcp: { readonly host: string; readonly port: number }): Promise<void> {
    const server = createServer((socket) => {
      const { remoteAddress, localAddress } = socket
      // It has closed already.
      if (remoteAddress === undefined) socket.destroy()
      else this.#accept(socket, tcpAddress(remoteAddress, localAddress))
    })
    await this.#listen(server, tcp)
    const address = server.address()
    if (typeof address === 'object') this.#port = address?.port
  }

  async #listen(server: Server, where: { path: string } | { host: string; port: number }): Promise<void> {
    try {
      server.listen(where)
      await once(server, 'listening')
    } catch (cause) {
      throw new AgentError('ERR_AGENT_BROKER_ADDRESS', 'the broker API cannot listen where it is told to', {
        detail: 'path' in where ? where.path : `${where.host} port ${where.port}`,
        cause,
      })
    }
    this.#servers.push(server)
  }
}
