import type { TLSSocket } from 'node:tls'
import type { Logger } from '@countersign/plugin-kit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { AuthenticatedNode } from '../../attestation/node-attestation.ts'
import type { NodeAuthentication } from '../../attestation/node-authentication.ts'
import type { DownstreamAuthentication, DownstreamServer } from '../../downstream/downstream-authentication.ts'
import { createApp } from '../create-app.ts'
import type { RequestObservers } from '../observe-requests.ts'
import { type AttestationRoutesOptions, addAttestationRoutes } from './attestation-routes.ts'
import type { DownstreamOf } from './downstream-of.ts'
import { addDownstreamRoutes, DOWNSTREAM, type DownstreamRoutesOptions } from './downstream-routes.ts'
import { addIssuanceRoutes, type IssuanceRoutesOptions } from './issuance-routes.ts'
import type { NodeOf } from './node-of.ts'
import { addSyncRoutes, type SyncRoutesOptions } from './sync-routes.ts'
import { addTaintRoutes, type TaintRoutesOptions } from './taint-routes.ts'

export interface MachineAppOptions
  extends AttestationRoutesOptions,
    DownstreamRoutesOptions,
    IssuanceRoutesOptions,
    SyncRoutesOptions,
    TaintRoutesOptions {
  readonly observers?: RequestObservers
  readonly authentication: NodeAuthentication
  readonly downstreamAuthentication: DownstreamAuthentication
  readonly log: Logger
  readonly version: string
}

const ATTEST = '/v1/agent/attest'

/**
 * What agents, and servers below, ask of a server. Everything but attestation needs the certificate of a node in good
 * standing, or of a server below that runs on one.
 */
export function createMachineApp(options: MachineAppOptions): Promise<FastifyInstance> {
  const { log, version, observers, authentication, downstreamAuthentication } = options
  const nodes = new WeakMap<FastifyRequest, AuthenticatedNode>()
  const servers = new WeakMap<FastifyRequest, DownstreamServer>()
  const guard = async (request: FastifyRequest) => {
    const { url } = request.routeOptions
    if (url === ATTEST) return
    if (url?.startsWith(DOWNSTREAM) === true) {
      servers.set(request, await downstreamAuthentication.authenticate(request.raw.socket as TLSSocket))
      return
    }
    nodes.set(request, await authentication.authenticate(request.raw.socket as TLSSocket))
  }
  const nodeOf: NodeOf = (request) => {
    const node = nodes.get(request)
    if (node === undefined) throw new TypeError('route needs an authenticated node')
    return node
  }
  const downstreamOf: DownstreamOf = (request) => {
    const server = servers.get(request)
    if (server === undefined) throw new TypeError('route needs an authenticated server')
    return server
  }
  const description = 'What agents ask of a server, over HTTPS with their own X509-SVID as client certificate.'
  return createApp({ log, version, observers, name: 'machine', description, openapi: true, guard }, (app) => {
    addAttestationRoutes(app, ATTEST, nodeOf, options)
    addIssuanceRoutes(app, nodeOf, options)
    addSyncRoutes(app, nodeOf, options)
    addTaintRoutes(app, nodeOf, options)
    addDownstreamRoutes(app, downstreamOf, options)
  })
}
