import { decodeStrictUtf8 } from './strict-utf8.ts'

/** More arguments than any table needs to find a script; a hostile process may have a million. */
const MAX_ARGUMENTS = 4096

/**
 * Splits `/proc/<pid>/cmdline`: arguments, each ended by NUL. The process can rewrite it at any time.
 *
 * @param truncated whether the file goes on after these bytes; an argument that was cut is left out
 * @returns arguments in order; `undefined` in place of one that is not UTF-8
 */
export function parseCommandLine(bytes: Buffer, truncated: boolean): readonly (string | undefined)[] {
  const parts: (string | undefined)[] = []
  let start = 0
  while (start < bytes.length && parts.length < MAX_ARGUMENTS) {
    const end = bytes.indexOf(0, start)
    if (end < 0 && truncated) break
    parts.push(decodeStrictUtf8(bytes.subarray(start, end < 0 ? bytes.length : end)))
    start = end < 0 ? bytes.length : end + 1
  }
  return parts
}
