import { backUpStopped } from '../backup/backup-of-server.ts'
import type { ServerConfig } from '../config/server-config.ts'

export async function collectBytes(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of source) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** In pieces of an odd size, as they may come. */
export async function* inPieces(bytes: Uint8Array, size = 997): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size)
}

export async function backupBytes(config: ServerConfig, now: number): Promise<Buffer> {
  return collectBytes((await backUpStopped(config, now)).content)
}
