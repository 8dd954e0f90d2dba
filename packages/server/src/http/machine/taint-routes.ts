import { TaintReport } from '@countersign/api'
import type { Clock } from '@countersign/plugin-kit'
import type { FastifyInstance } from 'fastify'
import type { TaintReportStore } from '../../store/taint-report-store.ts'
import type { NodeOf } from './node-of.ts'

export interface TaintRoutesOptions {
  readonly taintReports: TaintReportStore
  readonly clock: Clock
}

export function addTaintRoutes(app: FastifyInstance, nodeOf: NodeOf, options: TaintRoutesOptions): void {
  const { taintReports, clock } = options
  app.post<{ Body: TaintReport }>(
    '/v1/agent/tainted',
    {
      schema: {
        summary: 'Tell how much is left of what tainted authorities signed',
        description: 'The calling node has replaced its credentials, or could not yet.',
        body: TaintReport,
      },
    },
    async (request, reply) => {
      await taintReports.record(nodeOf(request).agentId, request.body, clock.now())
      return reply.code(204).send()
    },
  )
}
