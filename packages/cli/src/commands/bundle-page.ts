import type { TrustDomainBundle } from '@countersign/api'
import type { Page } from '../output.ts'
import { durationText } from '../terminal/time-text.ts'

type Keys = TrustDomainBundle['bundle']['keys']

export function countKeys(keys: Keys, use: string): number {
  return keys.filter((key) => key['use'] === use).length
}

/** A bundle in short: what it holds, not the keys themselves. */
export function printBundle(page: Page, { trustDomain, bundle }: TrustDomainBundle): void {
  const { keys, spiffe_sequence: sequence, spiffe_refresh_hint: refreshHint } = bundle
  page.fields([
    ['trust domain', trustDomain],
    ['sequence', sequence === undefined ? 'none' : String(sequence)],
    ['refresh hint', refreshHint === undefined ? 'none' : durationText(refreshHint)],
    ['x509 roots', String(countKeys(keys, 'x509-svid'))],
    ['jwt keys', keyNames(keys, 'jwt-svid')],
    ['wit keys', keyNames(keys, 'wit-svid')],
  ])
}

function keyNames(keys: Keys, use: string): string | string[] {
  const names = keys.filter((key) => key['use'] === use).map((key) => `${key['kid']} (${key['alg'] ?? key['kty']})`)
  return names.length === 0 ? '0' : names
}
