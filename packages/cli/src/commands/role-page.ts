import type { RoleGrant, RoleSubject } from '@countersign/api'
import type { Page } from '../output.ts'
import type { Cell } from '../terminal/table.ts'
import { durationText, relativeTime, timeText } from '../terminal/time-text.ts'

/** One grant in full. */
export function printRole(page: Page, grant: RoleGrant, now: number): void {
  const { id, subject, role, prefix, parents, federatesWith = [], dnsNames = [], maxTtl, expiresAt, createdAt } = grant
  const fields: (readonly [string, Cell])[] = [
    ['grant', id],
    ['to', subjectText(subject)],
    ['role', role],
    ['over', prefixText(prefix)],
    ...(mayWriteWithinLimits(grant) ? ([['parents of entries', parents]] as const) : []),
    ...(federatesWith.length === 0 ? [] : ([['may federate with', federatesWith]] as const)),
    ...(dnsNames.length === 0 ? [] : ([['DNS names', dnsNames]] as const)),
    ...(maxTtl === undefined ? [] : ([['longest lifetime', durationText(maxTtl)]] as const)),
    ...(expiresAt === undefined ? [] : ([['ends', timeText(expiresAt, now)]] as const)),
    ['given', timeText(createdAt, now)],
  ]
  page.fields(fields)
}

/** A viewer writes nothing, and whoever runs the whole trust domain is held to nothing. */
function mayWriteWithinLimits({ role, prefix }: RoleGrant): boolean {
  return role === 'registrar' || (role !== 'viewer' && prefix !== '/')
}

export function printRoles(page: Page, grants: readonly RoleGrant[], now: number): void {
  if (grants.length === 0) {
    page.line('no roles are granted; root and the user of the server are admins always')
    return
  }
  page.table(
    ['grant', 'role', 'over', 'to', 'ends'],
    grants.map(({ id, role, prefix, subject, expiresAt }) => [
      id,
      role,
      prefix,
      subjectText(subject),
      expiresAt === undefined ? '' : relativeTime(expiresAt, now),
    ]),
  )
}

function prefixText(prefix: string): string {
  return prefix === '/' ? '/ (everything)' : `${prefix} and all below it`
}

function subjectText(subject: RoleSubject): string {
  if ('uid' in subject) return `uid ${subject.uid} on the admin socket`
  if ('spiffeId' in subject) return subject.spiffeId
  return `${subject.claim} "${subject.value}" of ${subject.issuer}`
}
