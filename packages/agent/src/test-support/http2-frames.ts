/** HTTP/2 as octets, for clients that no library would be. */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, pushPromise: 5, ping: 6, goaway: 7, continuation: 9 }
export const FLAG = { endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 }

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly streamId: number
  readonly payload: Buffer
}

export function frame(type: number, flags: number, streamId: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(streamId, 5)
  return Buffer.concat([head, payload])
}

/** @returns the whole frames in what was received, without a preface */
export function readFrames(bytes: Buffer): Frame[] {
  const frames: Frame[] = []
  for (let at = 0; at + 9 <= bytes.length; ) {
    const end = at + 9 + bytes.readUIntBE(at, 3)
    if (end > bytes.length) break
    const payload = bytes.subarray(at + 9, end)
    const [type, flags, streamId] = [bytes.readUInt8(at + 3), bytes.readUInt8(at + 4), bytes.readUInt32BE(at + 5)]
    frames.push({ type, flags, streamId, payload })
    at = end
  }
  return frames
}
