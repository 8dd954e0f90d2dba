import { createConnection, createServer, type Server, type Socket } from 'node:net'

export interface BadNetworkOptions {
  /** Where the other end really is, on loopback. */
  readonly port: number
  /** Of each octet, one way. */
  readonly delayMs: number
  /** Share of the segments that are lost, from 0 up to 1. */
  readonly loss: number
  /** The same number gives the same network. */
  readonly seed: number
}

/** What TCP puts into one packet on Ethernet. */
const SEGMENT_BYTES = 1460
/** When TCP sends again what was not acknowledged, doubled each time. @see RFC 6298 */
const RETRANSMIT_MS = 200
/** A segment that is lost this often in a row ends the connection, in a moment instead of TCP's quarter of an hour. */
const GIVE_UP_AFTER = 4

/**
 * A network between two programs as TCP shows it to them: everything takes its time, what is lost is sent again and holds
 * up what follows, and now and then a connection breaks in the middle.
 */
export class BadNetwork {
  readonly #options: BadNetworkOptions
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #random: number
  #isCut = false
  /** What it has done to those who use it. */
  readonly done = { connections: 0, segments: 0, lost: 0, broken: 0 }

  private constructor(options: BadNetworkOptions) {
    this.#options = options
    this.#random = options.seed
    this.#server = createServer({ pauseOnConnect: true }, (near) => this.#connect(near))
  }

  static async open(options: BadNetworkOptions): Promise<BadNetwork> {
    const network = new BadNetwork(options)
    await new Promise<void>((resolve) => network.#server.listen(0, '127.0.0.1', resolve))
    return network
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('is closed')
    return address.port
  }

  /** Ends every connection, and new ones until `mend`. */
  cut(): void {
    this.#isCut = true
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  mend(): void {
    this.#isCut = false
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #connect(near: Socket): void {
    if (this.#isCut) {
      near.resetAndDestroy()
      return
    }
    this.done.connections += 1
    const far = createConnection({ host: '127.0.0.1', port: this.#options.port })
    const tear = () => {
      near.resetAndDestroy()
      far.resetAndDestroy()
    }
    for (const socket of [near, far]) {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        this.#later(this.#options.delayMs, tear)
      })
    }
    this.#carry(near, far, tear)
    this.#carry(far, near, tear)
    near.resume()
  }

  /** In order, as TCP delivers: a segment that is sent again holds up those behind it. */
  #carry(from: Socket, to: Socket, tear: () => void): void {
    let arrival = 0
    const after = (penaltyMs: number, run: () => void) => {
      arrival = Math.max(arrival, Date.now() + this.#options.delayMs + penaltyMs)
      this.#later(arrival - Date.now(), run)
    }
    from.on('data', (chunk: Buffer) => {
      for (let offset = 0; offset < chunk.length; offset += SEGMENT_BYTES) {
        const segment = chunk.subarray(offset, offset + SEGMENT_BYTES)
        const penaltyMs = this.#sendOne()
        if (penaltyMs === undefined) return after(0, tear)
        after(penaltyMs, () => {
          if (to.writable) to.write(segment)
        })
      }
    })
    from.on('end', () => after(0, () => to.end()))
  }

  /** @returns how much later than others it arrives; `undefined` when it never does */
  #sendOne(): number | undefined {
    this.done.segments += 1
    let penaltyMs = 0
    for (let losses = 0; this.#next() < this.#options.loss; losses++) {
      this.done.lost += 1
      if (losses + 1 === GIVE_UP_AFTER) {
        this.done.broken += 1
        return undefined
      }
      penaltyMs += RETRANSMIT_MS * 2 ** losses
    }
    return penaltyMs
  }

  /** Mulberry32. */
  #next(): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  #later(milliseconds: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      run()
    }, milliseconds)
    this.#timers.add(timer)
  }
}
