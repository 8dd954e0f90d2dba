import { Federation, FederationChange, FederationList, NewFederation } from '@countersign/api'
import type { FastifyInstance } from 'fastify'
import type { Federations } from '../../federation/federations.ts'
import { TrustDomainParams } from './bundle-routes.ts'

export interface FederationRoutesOptions {
  readonly federations: Federations
}

export function addFederationRoutes(app: FastifyInstance, { federations }: FederationRoutesOptions): void {
  app.get(
    '/v1/federations',
    { schema: { summary: 'List federation relationships', response: { 200: FederationList } } },
    async () => ({ federations: await federations.list() }),
  )

  app.post<{ Body: NewFederation }>(
    '/v1/federations',
    {
      schema: {
        summary: 'Create a federation relationship',
        description: 'The bundle is fetched in the background; an endpoint that is down blocks nothing.',
        body: NewFederation,
        response: { 201: Federation },
      },
    },
    async (request, reply) => reply.code(201).send(await federations.create(request.body)),
  )

  app.get<{ Params: TrustDomainParams }>(
    '/v1/federations/:trustDomain',
    {
      schema: {
        summary: 'Show a federation relationship',
        params: TrustDomainParams,
        response: { 200: Federation },
      },
    },
    (request) => federations.get(request.params.trustDomain),
  )

  app.put<{ Params: TrustDomainParams; Body: FederationChange }>(
    '/v1/federations/:trustDomain',
    {
      schema: {
        summary: 'Replace the endpoint of a federation relationship',
        description: 'The bundle that is known stays trusted until one is fetched from there, unless one is given.',
        params: TrustDomainParams,
        body: FederationChange,
        response: { 200: Federation },
      },
    },
    (request) => federations.update(request.params.trustDomain, request.body),
  )

  app.delete<{ Params: TrustDomainParams }>(
    '/v1/federations/:trustDomain',
    {
      schema: {
        summary: 'End a federation relationship',
        description: 'The bundle that came from it is deleted too.',
        params: TrustDomainParams,
      },
    },
    async (request, reply) => {
      await federations.delete(request.params.trustDomain)
      return reply.code(204).send()
    },
  )

  app.post<{ Params: TrustDomainParams }>(
    '/v1/federations/:trustDomain/refresh',
    {
      schema: {
        summary: 'Fetch the bundle now',
        description: 'Answers when the attempt is over; `lastError` tells how it failed.',
        params: TrustDomainParams,
        response: { 200: Federation },
      },
    },
    (request) => federations.refresh(request.params.trustDomain),
  )
}
