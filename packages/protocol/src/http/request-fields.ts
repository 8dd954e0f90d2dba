import { RequestError } from './request-error.ts'

/** Largest header block read, in characters of names and values. */
export const MAX_HEADER_BYTES = 65_536

/**
 * An HTTP request as a verifier sees it. `target` is the request target as it came on the wire.
 *
 * Scheme and authority are left out on purpose: what the wire says of them is the sender's or a proxy's word.
 */
export interface ReceivedRequest {
  readonly target: string
  /** Names and values in turn, in order, repetitions kept: node's `rawHeaders`. */
  readonly rawHeaders: readonly string[]
}

/**
 * Collects the values of some fields from a raw header list, by lower-case name.
 *
 * @throws RequestError `ERR_REQUEST_HEADERS_TOO_LARGE` above 64 KiB for the whole list
 */
export function collectFields(
  rawHeaders: readonly string[],
  wanted: ReadonlySet<string>,
): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  let size = 0
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const rawName = rawHeaders[index] as string
    const value = rawHeaders[index + 1] as string
    size += rawName.length + value.length
    if (size > MAX_HEADER_BYTES) {
      throw new RequestError(
        'ERR_REQUEST_HEADERS_TOO_LARGE',
        `request headers are larger than ${MAX_HEADER_BYTES} bytes`,
      )
    }
    const name = rawName.toLowerCase()
    if (!wanted.has(name)) continue
    const values = found.get(name)
    // RFC 9110 section 5.5: white space around a value is not part of it.
    const trimmed = trimWhiteSpace(value)
    if (values === undefined) found.set(name, [trimmed])
    else values.push(trimmed)
  }
  return found
}

/** Spaces and tabs alone, in linear time: a pattern anchored at the end is not. */
export function trimWhiteSpace(value: string): string {
  let start = 0
  let end = value.length
  while (start < end && isWhiteSpace(value.charCodeAt(start))) start++
  while (end > start && isWhiteSpace(value.charCodeAt(end - 1))) end--
  return value.slice(start, end)
}

function isWhiteSpace(code: number): boolean {
  return code === 0x20 || code === 0x09
}
