import koffi from 'koffi'

/** The size of CK_ULONG and of pointers: both are a machine word where this runs. */
export const WORD_BYTES = koffi.sizeof('unsigned long')

/**
 * Memory that a call on another thread may use while JavaScript goes on: nothing moves or frees it but `free`. Holds PINs and
 * digests, so it is overwritten before it is given back.
 */
export class NativeBlock {
  readonly address: bigint
  readonly bytes: Buffer

  constructor(size: number) {
    this.address = koffi.alloc('uint8_t', size) as bigint
    this.bytes = Buffer.from(koffi.view(this.address, size))
    this.bytes.fill(0)
  }

  addressAt(offset: number): bigint {
    return this.address + BigInt(offset)
  }

  readWord(offset: number): number {
    const value = WORD_BYTES === 8 ? this.bytes.readBigUInt64LE(offset) : BigInt(this.bytes.readUInt32LE(offset))
    // CK_UNAVAILABLE_INFORMATION is all ones, which no size or handle is.
    return Number(value)
  }

  writeWord(offset: number, value: number | bigint): void {
    if (WORD_BYTES === 8) this.bytes.writeBigUInt64LE(BigInt(value), offset)
    else this.bytes.writeUInt32LE(Number(value), offset)
  }

  free(): void {
    this.bytes.fill(0)
    koffi.free(this.address)
  }
}

/** Lends a block for as long as `use` takes. */
export async function withBlock<T>(size: number, use: (block: NativeBlock) => Promise<T>): Promise<T> {
  const block = new NativeBlock(size)
  try {
    return await use(block)
  } finally {
    block.free()
  }
}
