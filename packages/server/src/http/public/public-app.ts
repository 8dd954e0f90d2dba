import type { Logger } from '@countersign/plugin-kit'
import type { FastifyInstance } from 'fastify'
import type { IssuanceGate } from '../../recovery/issuance-gate.ts'
import { createApp } from '../create-app.ts'
import type { RequestObservers } from '../observe-requests.ts'
import { addBundleRoutes, type BundleRoutesOptions } from './bundle-routes.ts'
import { addHealthRoutes, type HealthRoutesOptions } from './health-routes.ts'
import { addOAuthRoutes, type OAuthRoutesOptions } from './oauth-routes.ts'
import { addOidcRoutes } from './oidc-routes.ts'
import { refuseWhileHeld } from './refuse-while-held.ts'

export interface PublicAppOptions extends BundleRoutesOptions, HealthRoutesOptions {
  readonly observers?: RequestObservers
  readonly gate: Pick<IssuanceGate, 'requireMemory'>
  readonly log: Logger
  readonly version: string
  /** Without it nothing of it is there. */
  readonly oauth?: Omit<OAuthRoutesOptions, 'log'> | undefined
}

/** What anyone may ask: keys to verify with, and whether the server is well. */
export function createPublicApp(options: PublicAppOptions): Promise<FastifyInstance> {
  const { log, version, observers, gate, oauth } = options
  const guard = refuseWhileHeld(gate)
  const description = 'Public keys of the trust domain, and health.'
  return createApp({ log, version, observers, name: 'public', description, openapi: true, guard }, (app) => {
    addBundleRoutes(app, options)
    addOidcRoutes(app, options)
    if (oauth !== undefined) addOAuthRoutes(app, { ...oauth, log })
    addHealthRoutes(app, options)
  })
}
