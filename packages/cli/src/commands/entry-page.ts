import type { Entry } from '@countersign/api'
import { selectorText } from '../options/parse-selector.ts'
import type { Page } from '../output.ts'
import type { Cell } from '../terminal/table.ts'
import { durationText, timeText } from '../terminal/time-text.ts'

/** One entry in full, as text. Fields that the entry lacks are left out: the server's defaults apply. */
export function printEntry(page: Page, entry: Entry, now: number): void {
  const fields: [string, Cell | undefined][] = [
    ['entry', entry.id],
    ['spiffe id', entry.spiffeId],
    ['parent', entry.parentId],
    ['selectors', entry.selectors.map(selectorText)],
    ['x509-svid ttl', optional(entry.x509SvidTtl, durationText)],
    ['jwt-svid ttl', optional(entry.jwtSvidTtl, durationText)],
    ['wit ttl', optional(entry.witTtl, durationText)],
    ['dns names', entry.dnsNames],
    ['hint', entry.hint],
    ['admin', entry.admin === true ? 'yes' : undefined],
    ['downstream', entry.downstream === true ? 'yes' : undefined],
    ['federates with', entry.federatesWith],
    ['expires', optional(entry.expiresAt, (time) => timeText(time, now))],
    ['created', timeText(entry.createdAt, now)],
    ['revision', String(entry.revision)],
  ]
  page.fields(fields.filter((field): field is [string, Cell] => field[1] !== undefined && field[1].length > 0))
}

function optional<T>(value: T | undefined, format: (value: T) => string): string | undefined {
  return value === undefined ? undefined : format(value)
}
