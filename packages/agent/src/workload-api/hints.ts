import type { Entry } from '@countersign/api'
import type { Logger } from '@countersign/plugin-kit'

/** SPIFFE Workload API section 5.2.1. */
const MAX_HINT_BYTES = 1024

/** Hints for one response: each at most once, the older entry keeps it. */
export function assignHints(entries: readonly Entry[], log: Logger): ReadonlyMap<string, string> {
  const taken = new Map<string, string>()
  const hints = new Map<string, string>()
  for (const { id, hint = '' } of entries) {
    const holder = taken.get(hint)
    if (hint === '' || holder !== undefined || Buffer.byteLength(hint) > MAX_HINT_BYTES) {
      hints.set(id, '')
      if (hint !== '')
        log.warn({ entryId: id, heldBy: holder }, 'hint of an entry is left out: taken by an older entry, or too long')
      continue
    }
    taken.set(hint, id)
    hints.set(id, hint)
  }
  return hints
}
