import type { Logger } from '@countersign/plugin-kit'
import type { FastifyInstance } from 'fastify'
import type { IssuanceGate } from '../../recovery/issuance-gate.ts'
import { createApp } from '../create-app.ts'
import type { RequestObservers } from '../observe-requests.ts'
import { addBundleRoutes, type BundleRoutesOptions } from './bundle-routes.ts'
import { refuseWhileHeld } from './refuse-while-held.ts'

export interface SpiffeBundleAppOptions extends Omit<BundleRoutesOptions, 'issuer'> {
  readonly observers?: RequestObservers
  readonly gate: Pick<IssuanceGate, 'requireMemory'>
  readonly log: Logger
  readonly version: string
}

/** The bundle endpoint of profile `https_spiffe`: the same documents, shown under the server's own X509-SVID. */
export function createSpiffeBundleApp(options: SpiffeBundleAppOptions): Promise<FastifyInstance> {
  const { log, version, observers, gate } = options
  const guard = refuseWhileHeld(gate)
  const description = 'Public keys of the trust domain, by profile https_spiffe.'
  return createApp({ log, version, observers, name: 'spiffe-bundle', description, openapi: true, guard }, (app) => {
    // The issuer's own paths belong to its own host.
    addBundleRoutes(app, { ...options, issuer: undefined })
  })
}
