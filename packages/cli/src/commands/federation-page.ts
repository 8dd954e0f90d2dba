import type { Federation } from '@countersign/api'
import { hintFor } from '../hints.ts'
import type { Page } from '../output.ts'
import type { Cell } from '../terminal/table.ts'
import { relativeTime, timeText } from '../terminal/time-text.ts'

export function printFederation(page: Page, federation: Federation, now: number): void {
  const { endpointSpiffeId, webRoots, allowedAddresses, lastRefreshAt } = federation
  const trust: [string, Cell] =
    federation.profile === 'https_spiffe'
      ? ['endpoint id', endpointSpiffeId ?? 'none']
      : ['web roots', webRoots === undefined ? 'public Web PKI' : 'own']
  const { code } = federation.lastError ?? {}
  const hint = code === undefined ? undefined : hintFor(code)
  page.fields([
    ['trust domain', federation.trustDomain],
    ['endpoint', federation.bundleEndpointUrl],
    ['profile', federation.profile],
    trust,
    ['addresses', allowedAddresses === undefined ? 'public' : ['public', ...allowedAddresses]],
    ['last refresh', lastRefreshAt === undefined ? 'never' : timeText(lastRefreshAt, now)],
    ['next refresh', nextRefreshText(federation, now)],
    ['sequence', String(federation.sequence ?? 'none')],
    ['last error', lastErrorText(federation, now)],
    ...(hint === undefined ? [] : [['next step', hint] as const]),
  ])
}

export function nextRefreshText({ nextRefreshAt }: Federation, now: number): string {
  return nextRefreshAt === undefined ? 'under way' : relativeTime(nextRefreshAt, now)
}

export function lastErrorText({ lastError }: Federation, now: number): string {
  if (lastError === undefined) return 'none'
  const { message, detail, code, at } = lastError
  return `${message}${detail === undefined || detail === '' ? '' : `: ${detail}`} (${code}), ${timeText(at, now)}`
}
