import type { ExchangedToken } from '@countersign/sdk'
import { decodeToken, looksLikeToken } from '../inspect/decode-token.ts'
import { explainClaim } from '../inspect/explain-claim.ts'
import type { JsonRecord } from '../inspect/json-record.ts'
import { tokenKind } from '../inspect/token-kind.ts'
import type { Page } from '../output.ts'
import { timeText } from '../terminal/time-text.ts'

/** What may be told of a token: nothing that it could be used with. */
export interface ExchangedSummary {
  readonly scheme: string
  readonly issuedTokenType?: string
  readonly scopes: readonly string[]
  readonly expiresAt: number
  /** Of a JWT; decoded, not verified. */
  readonly header?: JsonRecord
  readonly claims?: JsonRecord
}

export function summarizeExchanged({ token, scheme, type, scopes, expiresAt }: ExchangedToken): ExchangedSummary {
  const decoded = looksLikeToken(token) ? decodeToken(token) : undefined
  return {
    scheme,
    ...(type === undefined ? {} : { issuedTokenType: type }),
    scopes,
    expiresAt,
    ...(decoded === undefined ? {} : { header: decoded.header, claims: decoded.claims }),
  }
}

export function printExchanged(page: Page, summary: ExchangedSummary, now: number): void {
  const { scheme, issuedTokenType, scopes, expiresAt, header, claims } = summary
  page.fields([
    ['shown as', scheme === 'N_A' ? 'no access token' : scheme],
    ...(issuedTokenType === undefined ? [] : ([['type', issuedTokenType]] as const)),
    ['scopes', scopes.length === 0 ? '(none)' : scopes.join(' ')],
    ['expires', timeText(expiresAt, now)],
  ])
  if (header === undefined || claims === undefined) return
  const { kind } = tokenKind(header, claims)
  page.line()
  page.table(
    ['claim', 'value', 'meaning'],
    Object.entries(claims).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
      explainClaim(name, value, now, kind) ?? '',
    ]),
  )
}
