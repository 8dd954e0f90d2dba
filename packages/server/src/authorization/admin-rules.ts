/** Who may call what: one row for each route of the admin API. A route without a row keeps the server from starting. */
import type { Role } from '@countersign/api'

/**
 * What a call is about, and so over what its role must be held.
 *
 * - `trust-domain`: all of it, `/`
 * - `anything`: the role over anything will do; what is told is no secret of anybody's
 * - `node`: the identifier in the body's `agentId`
 * - `new-node`: the identifier that the body's `agentPath` leads to
 * - `nodes`, `entries`, `role-grants`: each that is read or written, by itself, where it is read or written; those that
 *   the caller may not know of are not there
 */
export type AdminTarget = 'trust-domain' | 'anything' | 'node' | 'new-node' | 'nodes' | 'entries' | 'role-grants'

export interface AdminRule {
  /** As the route is declared. `HEAD` goes with `GET`. */
  readonly route: `${'DELETE' | 'GET' | 'PATCH' | 'POST' | 'PUT'} /v1/${string}`
  /** For the audit log. */
  readonly action: string
  readonly role: Role
  readonly over: AdminTarget
  /** Of what root and the server's own user could read from its files, and nobody else: no role is enough for it. */
  readonly onlyOwner?: true
  /** Of a route that not every server has. */
  readonly isOptional?: true
}

export const ADMIN_RULES: readonly AdminRule[] = [
  { route: 'GET /v1/openapi.json', action: 'api.describe', role: 'viewer', over: 'anything' },
  { route: 'GET /v1/status', action: 'status.read', role: 'viewer', over: 'anything' },
  { route: 'GET /v1/health', action: 'health.read', role: 'viewer', over: 'anything' },
  { route: 'GET /v1/log-level', action: 'log_level.read', role: 'viewer', over: 'trust-domain', isOptional: true },
  { route: 'PUT /v1/log-level', action: 'log_level.set', role: 'operator', over: 'trust-domain', isOptional: true },
  {
    route: 'POST /v1/log-level/reset',
    action: 'log_level.reset',
    role: 'operator',
    over: 'trust-domain',
    isOptional: true,
  },

  { route: 'GET /v1/checks', action: 'data.check', role: 'operator', over: 'trust-domain' },
  { route: 'GET /v1/backup', action: 'data.back_up', role: 'admin', over: 'trust-domain', onlyOwner: true },
  { route: 'POST /v1/resume', action: 'issuance.resume', role: 'admin', over: 'trust-domain' },

  { route: 'GET /v1/entries', action: 'entry.list', role: 'viewer', over: 'entries' },
  { route: 'POST /v1/entries', action: 'entry.create', role: 'registrar', over: 'entries' },
  { route: 'POST /v1/entries/batch', action: 'entry.batch', role: 'registrar', over: 'entries' },
  { route: 'GET /v1/entries/events', action: 'entry.watch', role: 'viewer', over: 'entries' },
  { route: 'GET /v1/entries/:id', action: 'entry.read', role: 'viewer', over: 'entries' },
  { route: 'PATCH /v1/entries/:id', action: 'entry.update', role: 'registrar', over: 'entries' },
  { route: 'DELETE /v1/entries/:id', action: 'entry.delete', role: 'registrar', over: 'entries' },

  { route: 'GET /v1/nodes', action: 'node.list', role: 'viewer', over: 'nodes' },
  { route: 'POST /v1/nodes/ban', action: 'node.ban', role: 'operator', over: 'node' },
  { route: 'POST /v1/nodes/evict', action: 'node.evict', role: 'operator', over: 'node' },
  { route: 'POST /v1/join-tokens', action: 'join_token.create', role: 'operator', over: 'new-node' },

  { route: 'GET /v1/bundles', action: 'bundle.list', role: 'viewer', over: 'anything' },
  { route: 'GET /v1/bundles/:trustDomain', action: 'bundle.read', role: 'viewer', over: 'anything' },
  { route: 'PUT /v1/bundles/:trustDomain', action: 'bundle.set', role: 'admin', over: 'trust-domain' },

  { route: 'GET /v1/federations', action: 'federation.list', role: 'viewer', over: 'trust-domain' },
  { route: 'POST /v1/federations', action: 'federation.create', role: 'admin', over: 'trust-domain' },
  { route: 'GET /v1/federations/:trustDomain', action: 'federation.read', role: 'viewer', over: 'trust-domain' },
  { route: 'PUT /v1/federations/:trustDomain', action: 'federation.update', role: 'admin', over: 'trust-domain' },
  { route: 'DELETE /v1/federations/:trustDomain', action: 'federation.delete', role: 'admin', over: 'trust-domain' },
  {
    route: 'POST /v1/federations/:trustDomain/refresh',
    action: 'federation.refresh',
    role: 'operator',
    over: 'trust-domain',
  },

  { route: 'GET /v1/authorities', action: 'authority.list', role: 'viewer', over: 'trust-domain' },
  { route: 'POST /v1/authorities/prepare', action: 'authority.prepare', role: 'admin', over: 'trust-domain' },
  { route: 'POST /v1/authorities/request', action: 'authority.request', role: 'admin', over: 'trust-domain' },
  { route: 'POST /v1/authorities/import', action: 'authority.import', role: 'admin', over: 'trust-domain' },
  { route: 'POST /v1/authorities/activate', action: 'authority.activate', role: 'admin', over: 'trust-domain' },
  { route: 'POST /v1/authorities/taint', action: 'authority.taint', role: 'admin', over: 'trust-domain' },
  { route: 'POST /v1/authorities/revoke', action: 'authority.revoke', role: 'admin', over: 'trust-domain' },

  // Rules tell who may be whom; who reads them one by one could look for the weakest.
  { route: 'POST /v1/exchange/explain', action: 'exchange.explain', role: 'operator', over: 'trust-domain' },

  { route: 'GET /v1/role-grants', action: 'role.list', role: 'admin', over: 'role-grants' },
  { route: 'POST /v1/role-grants', action: 'role.grant', role: 'admin', over: 'role-grants' },
  { route: 'GET /v1/role-grants/:id', action: 'role.read', role: 'admin', over: 'role-grants' },
  { route: 'DELETE /v1/role-grants/:id', action: 'role.revoke', role: 'admin', over: 'role-grants' },
]

/** What of the admin API is served over the network too: the first part of these paths, after `/v1/`. */
export function isAdminPath(url: string, rules: readonly AdminRule[] = ADMIN_RULES): boolean {
  const [, version, noun] = url.split(/[/?]/, 3)
  return version === 'v1' && noun !== undefined && nounsOf(rules).has(noun)
}

const NOUNS = new WeakMap<readonly AdminRule[], ReadonlySet<string>>()

/** Both listeners describe themselves, each for itself. */
function nounsOf(rules: readonly AdminRule[]): ReadonlySet<string> {
  const nouns =
    NOUNS.get(rules) ??
    new Set(rules.flatMap(({ route }) => route.split('/')[2] ?? []).filter((noun) => !noun.includes('.')))
  NOUNS.set(rules, nouns)
  return nouns
}
