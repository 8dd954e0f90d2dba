/** How programs of the demo ask token services, and call the ledger with what they get. */
import { GRANT_TYPES, TOKEN_TYPES } from '@countersign/protocol/exchange'
import type { Workload } from '@countersign/sdk'
import { setting } from './listen.ts'

/** A token, or how it was refused: status, and OAuth error or code. */
export type TokenOutcome =
  | { readonly token: string; readonly refused?: undefined }
  | { readonly token?: undefined; readonly refused: string }

type Form = Readonly<Record<string, string>>

/** Of the shop's token service, with the token of a transaction: a grant for the bank's, unless the form says otherwise. */
export function askForGrant(workload: Workload, txnToken: string, form: Form = {}): Promise<TokenOutcome> {
  return ask(workload, setting('SHOP_ISSUER'), {
    grant_type: GRANT_TYPES.tokenExchange,
    subject_token: txnToken,
    subject_token_type: TOKEN_TYPES.txnToken,
    requested_token_type: TOKEN_TYPES.jwt,
    resource: setting('BANK_ISSUER'),
    ...form,
  })
}

/** Of the bank's token service, with a grant: an access token for the ledger. */
export function bringGrant(workload: Workload, assertion: string): Promise<TokenOutcome> {
  return ask(workload, setting('BANK_ISSUER'), { grant_type: GRANT_TYPES.jwtBearer, assertion })
}

/** What the ledger answers to a payment with an access token. Proof of who calls goes along, as always. */
export async function payAtLedger(
  workload: Workload,
  accessToken: string,
  body: string,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const response = await workload.fetch(setting('PAYMENTS_URL'), {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `DPoP ${accessToken}` },
    body,
    // The bank has no use for the shop's transaction.
    transaction: 'withhold',
  })
  return { status: response.status, body: await response.json() }
}

async function ask(workload: Workload, issuer: string, form: Form): Promise<TokenOutcome> {
  const response = await workload.fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
    transaction: 'withhold',
  })
  const { access_token: token, error } = (await response.json()) as { access_token?: string; error?: string }
  return token === undefined ? { refused: `${response.status} ${error}` } : { token }
}
