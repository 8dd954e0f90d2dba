import type { ServerStatus } from '@countersign/api'
import type { Logger } from '@countersign/plugin-kit'
import type { FastifyInstance } from 'fastify'
import { createApp } from '../create-app.ts'
import type { RequestObservers } from '../observe-requests.ts'
import { AdminGate, type AdminGateOptions } from './admin-gate.ts'
import { type AuthorityRoutesOptions, addAuthorityRoutes } from './authority-routes.ts'
import { addBundleRoutes, type BundleRoutesOptions } from './bundle-routes.ts'
import { addEntryRoutes, type EntryRoutesOptions } from './entry-routes.ts'
import { addEntryWatchRoutes, type EntryWatchRoutesOptions } from './entry-watch-routes.ts'
import { addExchangeRoutes, type ExchangeRoutesOptions } from './exchange-routes.ts'
import { addFederationRoutes, type FederationRoutesOptions } from './federation-routes.ts'
import { addHealthRoutes, type HealthRoutesOptions } from './health-routes.ts'
import { addJoinTokenRoutes, type JoinTokenRoutesOptions } from './join-token-routes.ts'
import { addLogLevelRoutes, type LogLevelRoutesOptions } from './log-level-routes.ts'
import { addNodeRoutes, type NodeRoutesOptions } from './node-routes.ts'
import { addRecoveryRoutes, type RecoveryRoutesOptions } from './recovery-routes.ts'
import { addRoleGrantRoutes, type RoleGrantRoutesOptions } from './role-grant-routes.ts'
import { addStatusRoutes } from './status-routes.ts'

export interface AdminAppOptions
  extends EntryRoutesOptions,
    EntryWatchRoutesOptions,
    NodeRoutesOptions,
    JoinTokenRoutesOptions,
    BundleRoutesOptions,
    AuthorityRoutesOptions,
    ExchangeRoutesOptions,
    FederationRoutesOptions,
    HealthRoutesOptions,
    LogLevelRoutesOptions,
    RoleGrantRoutesOptions,
    RecoveryRoutesOptions,
    AdminGateOptions {
  readonly observers?: RequestObservers
  readonly readStatus: () => Promise<ServerStatus>
  readonly log: Logger
  readonly version: string
}

/** What administrators ask of a server, on its Unix socket and over the network. Who may is decided by {@link AdminGate}. */
export async function createAdminApp(options: AdminAppOptions): Promise<FastifyInstance> {
  const { log, version, observers } = options
  const description = 'What administrators ask of a server, over its Unix socket or the machine listener.'
  const gate = new AdminGate(options)
  const { install, admit: guard } = gate
  const app = await createApp(
    { log, version, observers, name: 'admin', description, openapi: true, install, guard },
    (routes) => {
      addEntryRoutes(routes, gate, options)
      addEntryWatchRoutes(routes, gate, options)
      addNodeRoutes(routes, gate, options)
      addJoinTokenRoutes(routes, options)
      addBundleRoutes(routes, options)
      addAuthorityRoutes(routes, options)
      addExchangeRoutes(routes, options)
      addFederationRoutes(routes, options)
      addRoleGrantRoutes(routes, gate, options)
      addRecoveryRoutes(routes, options)
      addStatusRoutes(routes, options.readStatus)
      addHealthRoutes(routes, options)
      addLogLevelRoutes(routes, options)
    },
  )
  gate.requireAllUsed()
  return app
}
