import {
  JwtSvidRequest,
  JwtSvidResponse,
  WitSvidRequest,
  WitSvidResponse,
  X509SvidRequest,
  X509SvidResponse,
} from '@countersign/api'
import type { FastifyInstance } from 'fastify'
import type { WorkloadIssuance } from '../../issuance/workload-issuance.ts'
import type { NodeOf } from './node-of.ts'

export interface IssuanceRoutesOptions {
  readonly issuance: Pick<WorkloadIssuance, 'issueX509' | 'issueWit' | 'issueJwt'>
}

export function addIssuanceRoutes(app: FastifyInstance, nodeOf: NodeOf, { issuance }: IssuanceRoutesOptions): void {
  app.post<{ Body: X509SvidRequest }>(
    '/v1/agent/x509-svids',
    {
      schema: {
        summary: 'Issue X509-SVIDs',
        description: 'For entries of the calling node. All or none.',
        body: X509SvidRequest,
        response: { 200: X509SvidResponse },
      },
    },
    (request) => issuance.issueX509(nodeOf(request).agentId, request.body),
  )

  app.post<{ Body: WitSvidRequest }>(
    '/v1/agent/wit-svids',
    {
      schema: {
        summary: 'Issue WIT-SVIDs',
        description: 'For entries of the calling node; each public key must carry `alg`. All or none.',
        body: WitSvidRequest,
        response: { 200: WitSvidResponse },
      },
    },
    (request) => issuance.issueWit(nodeOf(request).agentId, request.body),
  )

  app.post<{ Body: JwtSvidRequest }>(
    '/v1/agent/jwt-svids',
    {
      schema: {
        summary: 'Issue a JWT-SVID',
        description: 'For one entry of the calling node and a list of audiences.',
        body: JwtSvidRequest,
        response: { 200: JwtSvidResponse },
      },
    },
    (request) => issuance.issueJwt(nodeOf(request).agentId, request.body),
  )
}
