/** What to do next, by the OAuth error that a token service answered with. */
const BY_ERROR: Readonly<Record<string, string>> = {
  invalid_client:
    'the service does not believe who asks: --issuer must be what the service calls itself, byte for byte, and its issuers or bundles must know yours; an assertion must be for the issuer alone, and not have expired',
  unauthorized_client:
    'no rule allows this: `countersign exchange explain` on the host of the server says which part of which rule does not hold',
  invalid_grant: 'the grant must be for this service, not have expired and not have been used; get a new one',
  invalid_request:
    'the subject or actor token may have expired, be of another type than was said, or be for another service: `countersign inspect FILE` shows what it says',
  invalid_scope: 'ask for less: --scope may name only what both the subject token and a rule have',
  invalid_target: 'no rule has this --audience or --resource: `countersign exchange explain` says which have what',
  unsupported_token_type: 'the service does not issue this type: see --requested-type',
  unsupported_grant_type: 'the service does not know this grant; is --issuer the one you meant?',
  invalid_dpop_proof: 'compare the clocks of both machines; a token of this type may need a key: see --dpop-key',
  temporarily_unavailable: 'try again; `countersign server doctor --config FILE` says whether the server is on hold',
  server_error: 'look at the log of the server',
}

/** Advice for a refusal, or `undefined` for an error that is not known here. */
export function hintForRefusal(error: string): string | undefined {
  return Object.hasOwn(BY_ERROR, error) ? BY_ERROR[error] : undefined
}
