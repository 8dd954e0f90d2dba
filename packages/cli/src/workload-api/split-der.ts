import { CliError } from '../cli-error.ts'

/**
 * Splits DER values written one after the other, as the Workload API sends certificates: lengths only, no content.
 *
 * @throws CliError `ERR_CLI_FILE_MALFORMED` when a length runs past the end
 */
export function splitDer(bytes: Uint8Array): readonly Uint8Array[] {
  const parts: Uint8Array[] = []
  let start = 0
  while (start < bytes.length) {
    const end = start + totalLength(bytes, start)
    if (end > bytes.length) throw malformed()
    parts.push(bytes.subarray(start, end))
    start = end
  }
  return parts
}

/** X.690 section 8.1.3: one length byte, or a count of up to four that follow. */
function totalLength(bytes: Uint8Array, start: number): number {
  const first = bytes[start + 1]
  if (first === undefined) throw malformed()
  if (first < 0x80) return 2 + first
  const count = first & 0x7f
  if (count === 0 || count > 4 || start + 2 + count > bytes.length) throw malformed()
  let length = 0
  for (let index = 0; index < count; index++) length = length * 256 + (bytes[start + 2 + index] ?? 0)
  return 2 + count + length
}

function malformed(): CliError {
  return new CliError('ERR_CLI_FILE_MALFORMED', 'certificates are not DER')
}
