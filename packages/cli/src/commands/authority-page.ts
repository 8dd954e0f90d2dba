import type { AuthorityView, UpstreamView } from '@countersign/api'
import type { Page } from '../output.ts'
import { relativeTime, timeText } from '../terminal/time-text.ts'

export function printAuthority(page: Page, authority: AuthorityView, now: number): void {
  const { id, kind, state, notBefore, notAfter, distributedAt, taintedAt, revokedAt, root } = authority
  page.fields([
    ['authority', id],
    ['kind', kind],
    ['state', state],
    ['made', timeText(notBefore, now)],
    ['ends', timeText(notAfter, now)],
    ...(root === undefined
      ? []
      : ([
          ['root', root.subject],
          ['root SHA-256', root.fingerprint],
        ] as const)),
    ...(distributedAt === undefined ? [] : [['known everywhere', timeText(distributedAt, now)] as const]),
    ...(taintedAt === undefined ? [] : [['tainted', timeText(taintedAt, now)] as const]),
    ...(authority.taint === undefined ? [] : [['still in use', progressText(authority)] as const]),
    ...(revokedAt === undefined ? [] : [['revoked', timeText(revokedAt, now)] as const]),
  ])
}

export function printAuthorities(page: Page, authorities: readonly AuthorityView[], now: number): void {
  page.table(
    ['authority', 'kind', 'state', 'made', 'ends', 'still in use'],
    authorities.map((authority) => [
      authority.id,
      authority.kind,
      authority.taintedAt !== undefined && authority.state !== 'revoked'
        ? `${authority.state}, tainted`
        : authority.state,
      relativeTime(authority.notBefore, now),
      relativeTime(authority.notAfter, now),
      progressText(authority),
    ]),
  )
}

/** How the upstream that signs certificate authorities has done lately. */
export function printUpstream(page: Page, upstream: UpstreamView | undefined, now: number): void {
  if (upstream === undefined) return
  const { name, lastSuccessAt, lastError } = upstream
  page.fields([
    ['upstream', name],
    ['last answer', lastSuccessAt === undefined ? 'none since the start' : timeText(lastSuccessAt, now)],
    ...(lastError === undefined
      ? []
      : [['fails', `since ${timeText(lastError.since, now)}: ${lastError.message} (${lastError.code})`] as const]),
  ])
}

/** How much is left of what a tainted authority signed. */
function progressText({ taint }: AuthorityView): string {
  if (taint === undefined) return ''
  const { nodes, waiting, credentials, waitingFor } = taint
  if (waiting === 0) return `no: ${nodes} of ${nodes} nodes are done`
  const more = waiting > waitingFor.length ? ` and ${waiting - waitingFor.length} more` : ''
  const known = credentials === 0 ? '' : `, ${credentials} credentials known of`
  return `on ${waiting} of ${nodes} nodes${known}: ${waitingFor.slice(0, 3).join(' ')}${waitingFor.length > 3 ? ' …' : more}`
}
