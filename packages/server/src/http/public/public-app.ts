import type { Logger } from '@countersign/plugin-kit'
import type { FastifyInstance } from 'fastify'
import { createApp } from '../create-app.ts'
import type { RequestObservers } from '../observe-requests.ts'
import { addBundleRoutes, type BundleRoutesOptions } from './bundle-routes.ts'
import { addHealthRoutes, type HealthRoutesOptions } from './health-routes.ts'
import { addOAuthRoutes, type OAuthRoutesOptions } from './oauth-routes.ts'
import { addOidcRoutes } from './oidc-routes.ts'

export interface PublicAppOptions extends BundleRoutesOptions, HealthRoutesOptions {
  readonly observers?: RequestObservers
  readonly log: Logger
  readonly version: string
  /** Without it nothing of it is there. */
  readonly oauth?: Omit<OAuthRoutesOptions, 'log'> | undefined
}

/** What anyone may ask: keys to verify with, and whether the server is well. */
export function createPublicApp(options: PublicAppOptions): Promise<FastifyInstance> {
  const { log, version, observers, oauth } = options
  const description = 'Public keys of the trust domain, and health.'
  return createApp({ log, version, observers, name: 'public', description, openapi: true }, (app) => {
    addBundleRoutes(app, options)
    addOidcRoutes(app, options)
    if (oauth !== undefined) addOAuthRoutes(app, { ...oauth, log })
    addHealthRoutes(app, options)
  })
}
