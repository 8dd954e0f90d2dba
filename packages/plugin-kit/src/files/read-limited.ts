/** Reads whole small files without trusting how large they say they are: `/proc` files, pipes and mounted secrets have no size. */
import { type FileHandle, open } from 'node:fs/promises'

const CHUNK_BYTES = 65_536

/** The start of a file, and whether more follows. */
export interface LimitedRead {
  readonly bytes: Buffer
  /** True when the file is longer than the limit; `bytes` then holds the first `maxBytes` bytes. */
  readonly truncated: boolean
}

/**
 * Reads at most `maxBytes` of a file.
 *
 * @throws the platform's own error (`ENOENT`, `EACCES`, …), or `signal.reason` once the signal aborts
 */
export async function readLimited(path: string, maxBytes: number, signal?: AbortSignal): Promise<LimitedRead> {
  signal?.throwIfAborted()
  const file = await open(path, 'r')
  try {
    return await readLimitedFrom(file, maxBytes, signal)
  } finally {
    await file.close()
  }
}

/** The same for a file that is already open, from its current position; does not close it. */
export async function readLimitedFrom(file: FileHandle, maxBytes: number, signal?: AbortSignal): Promise<LimitedRead> {
  const chunks: Buffer[] = []
  let total = 0
  while (total <= maxBytes) {
    signal?.throwIfAborted()
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, maxBytes + 1 - total))
    const { bytesRead } = await file.read(chunk, 0, chunk.length, null)
    if (bytesRead === 0) break
    chunks.push(chunk.subarray(0, bytesRead))
    total += bytesRead
  }
  const bytes = Buffer.concat(chunks)
  return total > maxBytes ? { bytes: bytes.subarray(0, maxBytes), truncated: true } : { bytes, truncated: false }
}
