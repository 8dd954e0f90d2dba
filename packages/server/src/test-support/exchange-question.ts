import type { ExchangedSubject } from '@countersign/protocol/exchange'
import type { ExchangeQuestion } from '../exchange/rules/decision.ts'

export const NOW = 1_800_000_000

/** A workload that showed a bearer token for this server; what differs is given. */
export function subjectWith(change: Partial<ExchangedSubject> = {}): ExchangedSubject {
  const subject = change.subject ?? 'spiffe://example.org/a'
  return {
    profile: 'wit',
    issuer: 'example.org',
    issuerUrl: 'spiffe://example.org',
    subject,
    localSubject: subject,
    claims: { team: ['a', 'b'] },
    scopes: undefined,
    audience: ['https://as.example.org'],
    expiresAt: NOW + 600,
    issuedAt: NOW,
    tokenId: undefined,
    confirmation: undefined,
    confirmationKey: undefined,
    actor: undefined,
    mayAct: undefined,
    clientId: undefined,
    transaction: undefined,
    digest: 'digest',
    ...change,
  }
}

export function questionWith(change: Partial<ExchangeQuestion> = {}): ExchangeQuestion {
  const subject = change.subject ?? subjectWith()
  return {
    grant: 'token-exchange',
    client: subject,
    subject,
    actor: undefined,
    requested: 'access-token',
    audience: [],
    scopes: undefined,
    proven: undefined,
    isSubjectProven: true,
    isActorProven: true,
    ...change,
  }
}
