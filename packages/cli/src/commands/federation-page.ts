import type { Federation } from '@countersign/api'
import type { Page } from '../output.ts'
import { timeText } from '../terminal/time-text.ts'

export function printFederation(page: Page, federation: Federation, now: number): void {
  page.fields([
    ['trust domain', federation.trustDomain],
    ['endpoint', federation.bundleEndpointUrl],
    ['profile', federation.profile],
    ['web roots', federation.webRoots === undefined ? 'public Web PKI' : 'own'],
    ['last refresh', federation.lastRefreshAt === undefined ? 'never' : timeText(federation.lastRefreshAt, now)],
    ['sequence', String(federation.sequence ?? 'none')],
    ['last error', lastErrorText(federation, now)],
  ])
}

export function lastErrorText({ lastError }: Federation, now: number): string {
  return lastError === undefined ? 'none' : `${lastError.message} (${lastError.code}), ${timeText(lastError.at, now)}`
}
