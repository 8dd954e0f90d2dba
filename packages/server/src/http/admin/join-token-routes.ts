import { JoinToken, NewJoinToken } from '@countersign/api'
import type { FastifyInstance } from 'fastify'
import type { JoinTokens } from '../../attestation/join-tokens.ts'

export interface JoinTokenRoutesOptions {
  readonly joinTokens: JoinTokens
}

export function addJoinTokenRoutes(app: FastifyInstance, { joinTokens }: JoinTokenRoutesOptions): void {
  app.post<{ Body: NewJoinToken }>(
    '/v1/join-tokens',
    {
      schema: {
        summary: 'Create a join token',
        description: 'The answer is the only time the token is shown.',
        body: NewJoinToken,
        response: { 201: JoinToken },
      },
    },
    async (request, reply) => reply.code(201).send(await joinTokens.create(request.body)),
  )
}
