import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where suites keep what is costly to build, from one run to the next. Deleting it is always safe. */
export function cacheFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'countersign-interop')
}
