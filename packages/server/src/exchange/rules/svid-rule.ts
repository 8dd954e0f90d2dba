import { IdentifierError, WorkloadId } from '@countersign/protocol'
import { isReserved, RESERVED_PATH } from '../../registration/entry-parent.ts'
import { OWN_ISSUER } from '../own-token-keys.ts'
import type { ExchangeRule, PartyMatcher } from './rule-schema.ts'

/** Profiles whose subjects are workload identifiers. */
const SVIDS: ReadonlySet<string> = new Set(['wit', 'jwt-svid', 'x509-svid'])

/** @returns what keeps a party with an SVID from ever being there; `undefined` for one that there can be */
export function svidPartyProblem({ profile, issuer, subject = [], below }: PartyMatcher): string | undefined {
  if (!SVIDS.has(profile)) return undefined
  const foreign = subject.find((name) => parse(name)?.trustDomain !== issuer)
  if (foreign !== undefined) return `"${foreign}" is no workload of "${issuer}"`
  // Other problems of "below" are told by whoever parses it.
  const origin = below === undefined ? undefined : /^[a-z]+:\/\/([^/]*)/.exec(below)?.[1]
  return origin === undefined || origin === issuer ? undefined : `nothing below "${below}" is a workload of "${issuer}"`
}

/**
 * What keeps a rule from ever ending in an SVID or WIT, which says who somebody is and nothing else.
 *
 * @returns `undefined` for one that can
 */
export function svidProblem({ subject, client, to }: ExchangeRule, trustDomain: string): string | undefined {
  if (!SVIDS.has(to.profile)) return undefined
  if (to.scopes.length > 0) return `to.scopes: a "${to.profile}" has no scope`
  if (to.subject === undefined) {
    if (subject.issuer !== trustDomain && subject.issuer !== OWN_ISSUER) {
      return `to.subject: must say which workload of "${trustDomain}" the subject becomes`
    }
  } else {
    const id = parse(to.subject)
    if (id?.scheme !== 'spiffe' || id.trustDomain !== trustDomain) {
      return `to.subject: "${to.subject}" is no workload of "${trustDomain}"`
    }
    if (isReserved(id.path)) return `to.subject: identifiers below ${RESERVED_PATH} are not given out`
  }
  if (to.acting === 'delegation' && typeof client === 'object' && isAlwaysAnother(client, subject)) {
    return `to.acting: a "${to.profile}" cannot say that the client acts for the subject: write "acting: impersonation"`
  }
  return undefined
}

function isAlwaysAnother(client: PartyMatcher, subject: PartyMatcher): boolean {
  if (client.issuer !== subject.issuer) return true
  const names = client.subject
  return names !== undefined && subject.subject !== undefined && !subject.subject.some((name) => names.includes(name))
}

function parse(text: string): WorkloadId | undefined {
  try {
    return WorkloadId.parse(text)
  } catch (error) {
    if (error instanceof IdentifierError) return undefined
    throw error
  }
}
