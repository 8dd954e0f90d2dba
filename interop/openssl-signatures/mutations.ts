/** Numbers from a seed, so that a run that found something can be repeated. */
export class SeededRandom {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** A whole number from 0 up to but without `below`. */
  next(below: number): number {
    // Mulberry32.
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.next(256))
  }
}

/** A signature that is wrong in one way, and mostly still of the right length: what a verifier must do arithmetic for. */
export function mutate(
  signature: Uint8Array,
  random: SeededRandom,
): { readonly how: string; readonly bytes: Uint8Array } {
  const bytes = Uint8Array.from(signature)
  const half = bytes.length >> 1
  const at = random.next(bytes.length)
  switch (random.next(8)) {
    case 0:
      bytes[at] = (bytes[at] as number) ^ (1 << random.next(8))
      return { how: 'one bit flipped', bytes }
    case 1:
      bytes[at] = random.next(256)
      return { how: 'one byte replaced', bytes }
    case 2:
      return { how: 'halves exchanged', bytes: Uint8Array.from([...bytes.subarray(half), ...bytes.subarray(0, half)]) }
    case 3:
      bytes.fill(0, 0, half)
      return { how: 'first half zero', bytes }
    case 4:
      bytes.fill(0, half)
      return { how: 'second half zero', bytes }
    case 5:
      bytes.fill(0xff, random.next(2) * half)
      return { how: 'filled with ones', bytes }
    case 6:
      bytes.reverse()
      return { how: 'reversed', bytes }
    default:
      return { how: 'random', bytes: random.bytes(bytes.length) }
  }
}
