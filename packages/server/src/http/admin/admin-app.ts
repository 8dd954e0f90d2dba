import type { ServerStatus } from '@countersign/api'
import type { Logger } from '@countersign/plugin-kit'
import type { FastifyInstance } from 'fastify'
import { createApp } from '../create-app.ts'
import type { RequestObservers } from '../observe-requests.ts'
import { type AuthorityRoutesOptions, addAuthorityRoutes } from './authority-routes.ts'
import { addBundleRoutes, type BundleRoutesOptions } from './bundle-routes.ts'
import { addEntryRoutes, type EntryRoutesOptions } from './entry-routes.ts'
import { addEntryWatchRoutes, type EntryWatchRoutesOptions } from './entry-watch-routes.ts'
import { addFederationRoutes, type FederationRoutesOptions } from './federation-routes.ts'
import { addHealthRoutes, type HealthRoutesOptions } from './health-routes.ts'
import { addJoinTokenRoutes, type JoinTokenRoutesOptions } from './join-token-routes.ts'
import { addLogLevelRoutes, type LogLevelRoutesOptions } from './log-level-routes.ts'
import { addNodeRoutes, type NodeRoutesOptions } from './node-routes.ts'
import { addStatusRoutes } from './status-routes.ts'

export interface AdminAppOptions
  extends EntryRoutesOptions,
    EntryWatchRoutesOptions,
    NodeRoutesOptions,
    JoinTokenRoutesOptions,
    BundleRoutesOptions,
    AuthorityRoutesOptions,
    FederationRoutesOptions,
    HealthRoutesOptions,
    LogLevelRoutesOptions {
  readonly observers?: RequestObservers
  readonly readStatus: () => Promise<ServerStatus>
  readonly log: Logger
  readonly version: string
}

/** What operators ask of a server. Who may is decided by the socket's mode. */
export function createAdminApp(options: AdminAppOptions): Promise<FastifyInstance> {
  const { log, version, observers } = options
  const description = 'What operators ask of a server, over its Unix socket.'
  return createApp({ log, version, observers, name: 'admin', description, openapi: true }, (app) => {
    addEntryRoutes(app, options)
    addEntryWatchRoutes(app, options)
    addNodeRoutes(app, options)
    addJoinTokenRoutes(app, options)
    addBundleRoutes(app, options)
    addAuthorityRoutes(app, options)
    addFederationRoutes(app, options)
    addStatusRoutes(app, options.readStatus)
    addHealthRoutes(app, options)
    addLogLevelRoutes(app, options)
  })
}
