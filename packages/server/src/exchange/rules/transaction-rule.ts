import type { JsonObject } from '@countersign/protocol'
import type { TransactionRequest } from '@countersign/protocol/exchange'
import type { ExchangeRule, RuleTarget } from './rule-schema.ts'

/** The profile of Transaction Tokens. */
export const TRANSACTION_TOKEN = 'transaction-token'
/** Profiles of what nobody vouches for but the workload that asks. */
const OWN_WORD = new Set(['self-signed', 'unsigned-json'])

/**
 * What is wrong with a rule as far as transactions go.
 *
 * @returns `undefined` for one that can be meant
 * @see draft-ietf-oauth-transaction-tokens, "Transaction Tokens Are Not OAuth 2.0 Access Tokens"
 */
export function transactionProblem({ subject, to }: ExchangeRule, trustDomain: string): string | undefined {
  const isTransaction = to.profile === TRANSACTION_TOKEN
  if (OWN_WORD.has(subject.profile) && !isTransaction) {
    return 'to: what a workload says of a subject by itself begins a transaction, and is good for nothing else'
  }
  if (subject.profile === TRANSACTION_TOKEN && to.profile === 'access-token') {
    return 'to: a transaction token becomes no access token'
  }
  if (!isTransaction && (to.details !== undefined || to.context !== undefined)) {
    return 'to: only a transaction token has details and context'
  }
  if (isTransaction && !to.audience.includes(trustDomain)) {
    return `to.audience: a transaction token is for "${trustDomain}" alone`
  }
  return undefined
}

/** Paths in the rule that do not hold: the client decides what it says, the rule what of it becomes a claim. */
export function transactionFailures(
  { details = [], context = [] }: RuleTarget,
  request: TransactionRequest | undefined,
): readonly string[] {
  const failed: string[] = []
  if (!hasOnly(request?.details, details)) failed.push('to.details')
  if (!hasOnly(request?.context, context)) failed.push('to.context')
  return failed
}

function hasOnly(said: JsonObject | undefined, names: readonly string[]): boolean {
  return Object.keys(said ?? {}).every((name) => names.includes(name))
}
