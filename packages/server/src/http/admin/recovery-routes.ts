import { Readable } from 'node:stream'
import { type Finding, FindingList, ResumeRequest, ResumeResult } from '@countersign/api'
import type { FastifyInstance } from 'fastify'
import type { Backup } from '../../backup/make-backup.ts'
import type { IssuanceGate } from '../../recovery/issuance-gate.ts'

export interface RecoveryRoutesOptions {
  readonly gate: Pick<IssuanceGate, 'holds' | 'resume'>
  readonly backUp: () => Promise<Backup>
  readonly examine: () => Promise<Finding[]>
}

export function addRecoveryRoutes(app: FastifyInstance, { gate, backUp, examine }: RecoveryRoutesOptions): void {
  app.get(
    '/v1/backup',
    {
      schema: {
        summary: 'Back up the server',
        description: 'Everything as of one moment, private signing keys included where they are files.',
        response: {
          200: { description: 'a backup, format 1', content: { 'application/octet-stream': { schema: {} } } },
        },
      },
    },
    async (_request, reply) => {
      const { content } = await backUp()
      // What it takes from is removed when it is read, or when nobody is there to read it.
      return reply.type('application/octet-stream').send(Readable.from(content, { objectMode: false }))
    },
  )

  app.get(
    '/v1/checks',
    {
      schema: {
        summary: 'Check the data of the server',
        description: 'The whole store is read; other requests wait meanwhile.',
        response: { 200: FindingList },
      },
    },
    async () => ({ findings: await examine() }),
  )

  app.post<{ Body: ResumeRequest }>(
    '/v1/resume',
    {
      schema: {
        summary: 'Issue again after a restore, or by a clock that looked wrong',
        body: ResumeRequest,
        response: { 200: ResumeResult },
      },
    },
    async ({ body: { reason } }) => {
      await gate.resume(reason)
      return { resumed: reason, holds: [...gate.holds()] }
    },
  )
}
