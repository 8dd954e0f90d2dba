import { NewRoleGrant, RoleGrant, RoleGrantList } from '@countersign/api'
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { RoleGrants } from '../../authorization/role-grants.ts'
import type { AdminGatekeeper } from './admin-gate.ts'

export interface RoleGrantRoutesOptions {
  readonly roleGrants: RoleGrants
}

const GrantParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) })
type GrantParams = Static<typeof GrantParams>

export function addRoleGrantRoutes(
  app: FastifyInstance,
  { accessOf }: Pick<AdminGatekeeper, 'accessOf'>,
  { roleGrants }: RoleGrantRoutesOptions,
): void {
  app.get(
    '/v1/role-grants',
    { schema: { summary: 'List who has which role over what', response: { 200: RoleGrantList } } },
    async (request) => ({ grants: await roleGrants.list(accessOf(request)) }),
  )

  app.post<{ Body: NewRoleGrant }>(
    '/v1/role-grants',
    {
      schema: {
        summary: 'Grant a role',
        description: 'Nobody grants more than they have. 409 when the subject has the role over the prefix already.',
        body: NewRoleGrant,
        response: { 201: RoleGrant },
      },
    },
    async (request, reply) => {
      const grant = await roleGrants.create(request.body, accessOf(request))
      return reply.code(201).header('location', `/v1/role-grants/${grant.id}`).send(grant)
    },
  )

  app.get<{ Params: GrantParams }>(
    '/v1/role-grants/:id',
    { schema: { summary: 'Show a grant', params: GrantParams, response: { 200: RoleGrant } } },
    (request) => roleGrants.get(request.params.id, accessOf(request)),
  )

  app.delete<{ Params: GrantParams }>(
    '/v1/role-grants/:id',
    {
      schema: {
        summary: 'Revoke a grant',
        description: 'It counts no longer with the next call.',
        params: GrantParams,
      },
    },
    async (request, reply) => {
      await roleGrants.revoke(request.params.id, accessOf(request))
      return reply.code(204).send()
    },
  )
}
