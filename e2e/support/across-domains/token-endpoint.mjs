/** Status and OAuth error of a refusal. */
export class Refused extends Error {}

export const TYPE = {
  accessToken: 'urn:ietf:params:oauth:token-type:access_token',
  txnToken: 'urn:ietf:params:oauth:token-type:txn_token',
  jwt: 'urn:ietf:params:oauth:token-type:jwt',
}

/** Asks a token endpoint, with proof of who asks. @throws Refused */
export async function ask(workload, endpoint, form) {
  const response = await workload.fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
    transaction: 'withhold',
  })
  const body = await response.json()
  if (!response.ok) throw new Refused(`${response.status} ${body.error}`)
  return body.access_token
}

/** A grant of the shop's token service for another domain's, for whom a transaction is. */
export function askForGrant(workload, txnToken, form = {}) {
  return ask(workload, process.env.SHOP_TOKEN_ENDPOINT, {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    ...{ subject_token: txnToken, subject_token_type: TYPE.txnToken, requested_token_type: TYPE.jwt },
    ...{ resource: process.env.BANK_ISSUER, scope: 'orders.write', ...form },
  })
}

/** What the bank's token service makes of a grant. */
export function bringGrant(workload, assertion, form = {}) {
  const grantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
  return ask(workload, process.env.BANK_TOKEN_ENDPOINT, { grant_type: grantType, assertion, ...form })
}

/** A call of the bank's ledger. @returns its answer, or status and code of its refusal */
export async function callLedger(workload, accessToken, scheme = 'DPoP') {
  const response = await workload.fetch(`${process.env.LEDGER_URL}/bookings`, {
    method: 'POST',
    headers: { authorization: `${scheme} ${accessToken}` },
    transaction: 'withhold',
  })
  const body = await response.json()
  if (!response.ok) throw new Refused(`${response.status} ${body.code}`)
  return body
}
