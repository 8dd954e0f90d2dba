import type { FastifyInstance } from 'fastify'

export interface HealthRoutesOptions {
  /** Whether the server can issue credentials now. */
  readonly isReady: () => Promise<boolean>
}

export function addHealthRoutes(app: FastifyInstance, { isReady }: HealthRoutesOptions): void {
  app.get('/live', { schema: { summary: 'The process answers' } }, async () => ({ status: 'live' }))

  app.get('/ready', { schema: { summary: 'The server can issue credentials' } }, async (_request, reply) => {
    const ready = await isReady()
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready' })
  })
}
