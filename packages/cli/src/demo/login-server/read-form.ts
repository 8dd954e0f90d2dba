import type { IncomingMessage } from 'node:http'

const MAX_BYTES = 16 * 1024

/**
 * The fields of a form.
 *
 * @throws Error when it is larger than 16 KiB, or its sender went away
 */
export async function readForm(incoming: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Uint8Array[] = []
  let size = 0
  // The connection stays, so that its sender is told.
  for await (const chunk of incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > MAX_BYTES) throw new Error(`form is larger than ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'))
}
