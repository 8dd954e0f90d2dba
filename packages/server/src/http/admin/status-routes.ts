import { ServerStatus } from '@countersign/api'
import type { FastifyInstance } from 'fastify'

export function addStatusRoutes(app: FastifyInstance, readStatus: () => Promise<ServerStatus>): void {
  app.get('/v1/status', { schema: { summary: 'Show the server', response: { 200: ServerStatus } } }, () => readStatus())
}
