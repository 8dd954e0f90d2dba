import { LogLevelChange, LogLevelReset, LogLevels } from '@countersign/api'
import type { LogLevels as Levels } from '@countersign/plugin-kit'
import type { FastifyInstance } from 'fastify'
import type { Audit } from '../../audit/audit.ts'

export interface LogLevelRoutesOptions {
  readonly audit: Audit
  /** Absent when the log is not ours to change. */
  readonly logLevels?: Levels | undefined
}

export function addLogLevelRoutes(app: FastifyInstance, { audit, logLevels }: LogLevelRoutesOptions): void {
  if (logLevels === undefined) return
  app.get(
    '/v1/log-level',
    { schema: { summary: 'Show from which level the server logs', response: { 200: LogLevels } } },
    async () => logLevels.report(),
  )

  app.put<{ Body: LogLevelChange }>(
    '/v1/log-level',
    {
      schema: {
        summary: 'Log from another level',
        description: 'Until it is reset, `forSeconds` are over, or the server ends.',
        body: LogLevelChange,
        response: { 200: LogLevels },
      },
    },
    async (request) => {
      // Before: a level that is raised would hide who raised it.
      audit.logLevelChanged(request.body)
      logLevels.set(request.body)
      return logLevels.report()
    },
  )

  app.post<{ Body: LogLevelReset }>(
    '/v1/log-level/reset',
    { schema: { summary: 'Log as configured again', body: LogLevelReset, response: { 200: LogLevels } } },
    async (request) => {
      const { component } = request.body
      if (component === undefined) logLevels.resetAll()
      else logLevels.reset(component)
      audit.logLevelChanged({ level: logLevels.levelOf(component), ...request.body })
      return logLevels.report()
    },
  )
}
