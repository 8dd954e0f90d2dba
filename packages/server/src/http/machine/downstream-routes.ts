import { DownstreamBundle, DownstreamCa, DownstreamCaRequest, DownstreamKeys } from '@countersign/api'
import type { FastifyInstance } from 'fastify'
import type { DownstreamAuthorities } from '../../downstream/downstream-authorities.ts'
import type { DownstreamOf } from './downstream-of.ts'

export interface DownstreamRoutesOptions {
  readonly downstream: DownstreamAuthorities
}

/** All routes below are for servers that stand below this one, and for nobody else. */
export const DOWNSTREAM = '/v1/downstream/'

export function addDownstreamRoutes(
  app: FastifyInstance,
  downstreamOf: DownstreamOf,
  { downstream }: DownstreamRoutesOptions,
): void {
  app.post<{ Body: DownstreamCaRequest }>(
    `${DOWNSTREAM}ca`,
    {
      schema: {
        summary: 'Sign the CA of a server below this one',
        description: 'The client certificate is that of an entry with the flag `downstream`.',
        body: DownstreamCaRequest,
        response: { 200: DownstreamCa },
      },
    },
    (request) => downstream.issueCa(downstreamOf(request), request.body),
  )

  app.get(
    `${DOWNSTREAM}bundle`,
    {
      schema: {
        summary: 'Read what a server below this one must believe',
        response: { 200: DownstreamBundle },
      },
    },
    async (request) => {
      downstreamOf(request)
      return downstream.readBundle()
    },
  )

  app.put<{ Body: DownstreamKeys }>(
    `${DOWNSTREAM}keys`,
    {
      schema: {
        summary: 'Publish the token keys of a server below this one',
        description: 'All of them: those that it named before and names no more are withdrawn.',
        body: DownstreamKeys,
      },
    },
    async (request, reply) => {
      await downstream.replaceKeys(downstreamOf(request), request.body)
      return reply.code(204).send()
    },
  )
}
