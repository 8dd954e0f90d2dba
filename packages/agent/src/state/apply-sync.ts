import type { SyncState } from '@countersign/api'
import type { Logger } from '@countersign/plugin-kit'
import { encodeBase64, errorCode, type PublicJwk, parseSpiffeBundle, type SpiffeBundle } from '@countersign/protocol'
import type { OwnTrust } from '../attestation/own-trust.ts'
import type { AuthorityKinds, Issuer } from '../issuance/issuer.ts'
import type { TaintedCredentials } from '../issuance/tainted-credentials.ts'
import type { AgentState } from './agent-state.ts'
import { believedCrls } from './believed-crls.ts'

export interface SyncTarget {
  readonly state: AgentState
  readonly trust: OwnTrust
  readonly issuer: Issuer
  readonly tainted: Pick<TaintedCredentials, 'apply'>
  readonly log: Logger
  /** Epoch seconds. */
  readonly now: () => number
}

/** Makes the server's word what the Workload API answers from. */
export function applySync(target: SyncTarget, agentId: string, sync: SyncState): void {
  const { state, trust, issuer, tainted, log, now } = target
  if (sync.trustDomain !== trust.trustDomain) {
    log.error({ trustDomain: sync.trustDomain }, 'server speaks of another trust domain, ignored')
    return
  }
  const before = state.view.bundles.get(trust.trustDomain)
  const bundles = new Map<string, SpiffeBundle>()
  for (const each of sync.bundles) {
    try {
      const isOwn = each.trustDomain === trust.trustDomain
      bundles.set(each.trustDomain, isOwn ? trust.replace(each) : parseSpiffeBundle(each.trustDomain, each.bundle))
    } catch (error) {
      // One bad bundle must not take the others, or the entries, away.
      log.error({ trustDomain: each.trustDomain, code: errorCode(error) }, 'bundle cannot be read, left out')
    }
  }
  const after = bundles.get(trust.trustDomain) ?? before
  if (after !== undefined) bundles.set(trust.trustDomain, after)
  if (before !== undefined && after !== undefined) issuer.forget(withdrawnAuthorities(before, after), after)
  const crls = after === undefined ? [] : believedCrls(sync, after, { log, now: now() })
  const { revision, entries, aliases, intermediates } = sync
  state.apply({ agentId, revision, entries, bundles, crls, aliases, intermediates })
  issuer.keepEntries(new Set(state.view.entries.entries.map(({ id }) => id)))
  tainted.apply(sync.tainted)
}

/** Serves the bundle that is trusted now, where it came from somewhere else than the server. */
export function applyOwnBundle({ state, trust, issuer, log, now }: Omit<SyncTarget, 'tainted'>): void {
  const before = state.view.bundles.get(trust.trustDomain)
  const after = trust.bundle
  if (before === undefined || after === undefined) return
  issuer.forget(withdrawnAuthorities(before, after), after)
  const { crls, intermediates } = state.view
  const lists = { crls: crls.map(encodeBase64), intermediates: [...intermediates] }
  state.replaceBundle(trust.trustDomain, after, believedCrls(lists, after, { log, now: now() }))
}

/** Which kinds of credentials lost an authority. */
export function withdrawnAuthorities(before: SpiffeBundle, after: SpiffeBundle): AuthorityKinds {
  const lost = (old: readonly string[], now: readonly string[]) => old.some((each) => !now.includes(each))
  const certificates = (list: readonly Uint8Array[]) => list.map((der) => Buffer.from(der).toString('base64'))
  const keyIds = (list: readonly PublicJwk[]) => list.map((key) => key.kid ?? '')
  return {
    x509: lost(certificates(before.x509Authorities), certificates(after.x509Authorities)),
    jwt: lost(keyIds(before.jwtAuthorities), keyIds(after.jwtAuthorities)),
    wit: lost(keyIds(before.witAuthorities), keyIds(after.witAuthorities)),
  }
}
