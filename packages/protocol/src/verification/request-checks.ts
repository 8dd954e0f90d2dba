/**
 * What `RequestVerifier` has checked of a request it accepts, in order. For people who want to see it: a request that
 * fails any of them is refused with that check's code instead.
 */
export const REQUEST_CHECKS = [
  'header block and tokens within their size limits',
  'exactly one identity token and one proof',
  'identity token type and algorithm',
  'subject is a workload identifier of a trusted domain',
  "identity token signed by a key of the subject's own trust domain",
  'identity token valid now',
  'confirmation key is public and fits its algorithm',
  'proof type, and the one algorithm the credential names',
  'proof signed by the confirmation key',
  'proof made for this service and path',
  'proof fresh and short-lived',
  'proof made for this very identity token',
  'proof covers every other token in the request',
  'proof never used before',
] as const
