import { HealthReport } from '@countersign/api'
import type { Readiness } from '@countersign/telemetry'
import type { FastifyInstance } from 'fastify'

export interface HealthRoutesOptions {
  readonly readiness: Pick<Readiness, 'report'>
}

export function addHealthRoutes(app: FastifyInstance, { readiness }: HealthRoutesOptions): void {
  app.get(
    '/v1/health',
    {
      schema: {
        summary: 'Tell whether the server can issue, and what keeps it from that',
        description: 'Always 200: `ready` is the verdict. Probes without access to this socket ask `/ready`.',
        response: { 200: HealthReport },
      },
    },
    () => readiness.report(),
  )
}
