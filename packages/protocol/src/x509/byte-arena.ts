/** Bytes taken at once: some thirty certificates. */
const ARENA_BYTES = 16 * 1024

/**
 * Hands out pieces of one larger buffer: the memory of a typed array of its own costs more than filling it. No piece is
 * handed out twice, so each stays what its user made it. It keeps the whole buffer alive, so pieces are for bytes that
 * are soon dropped, and leave this package only for the call that signs them.
 */
export class ByteArena {
  #bytes = new Uint8Array()
  #used = 0

  take(size: number): Uint8Array {
    if (size > ARENA_BYTES / 4) return new Uint8Array(size)
    if (this.#used + size > this.#bytes.length) {
      this.#bytes = new Uint8Array(ARENA_BYTES)
      this.#used = 0
    }
    const start = this.#used
    this.#used += size
    return this.#bytes.subarray(start, this.#used)
  }
}
