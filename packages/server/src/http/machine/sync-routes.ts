import { SyncChange, SyncMark, SyncQuery, SyncState } from '@countersign/api'
import type { Clock, Logger } from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { SyncClaim, SyncStates } from '../../registration/sync-state.ts'
import { openEventStream } from '../event-stream.ts'
import type { NodeOf } from './node-of.ts'
import type { SyncHub } from './sync-hub.ts'
import { SyncStream } from './sync-stream.ts'

export interface SyncRoutesOptions {
  readonly states: SyncStates
  readonly hub: SyncHub
  readonly clock: Clock
  readonly log: Logger
}

export function addSyncRoutes(app: FastifyInstance, nodeOf: NodeOf, options: SyncRoutesOptions): void {
  const { states, hub, clock, log } = options

  app.get(
    '/v1/agent/sync',
    {
      schema: {
        summary: 'Read all the calling node may know',
        description: 'Its entries and the bundles they need, as of one revision.',
        response: { 200: SyncState },
      },
    },
    async (request, reply) => {
      const { agentId, serial } = nodeOf(request)
      const { data } = await states.read(agentId, serial)
      return reply.type('application/json; charset=utf-8').send(data)
    },
  )

  app.get<{ Querystring: SyncQuery }>(
    '/v1/agent/events',
    {
      schema: {
        summary: 'Follow changes',
        description:
          'Server-sent events: `sync` with the whole state, `change` with what is new, `current` when nothing is. One at ' +
          'once, by what the query says the node has; then one after every change that concerns it. ' +
          'Ends when the client certificate expires or the node is refused.',
        querystring: SyncQuery,
        response: {
          200: { description: 'text/event-stream', content: { 'text/event-stream': { schema: EventData } } },
        },
      },
    },
    (request, reply) => {
      const { agentId, serial, expiresAt } = nodeOf(request)
      reply.hijack()
      const stream = new SyncStream({
        sink: openEventStream(reply.raw),
        clock,
        expiresAt,
        read: (basis) => states.read(agentId, serial, basis),
        claim: claimOf(request.query),
        onFailure: (error) => log.info({ agentId, code: errorCode(error) }, 'event stream ended'),
      })
      hub.add(agentId, stream)
      reply.raw.on('close', () => {
        stream.close()
        hub.remove(agentId, stream)
      })
    },
  )
}

const EventData = Type.Union([SyncState, SyncChange, SyncMark])

/** Half a claim is none: the digest alone could not be answered with a difference, the revision alone not checked. */
function claimOf({ after, digest }: SyncQuery): SyncClaim | undefined {
  return after === undefined || digest === undefined ? undefined : { revision: Number(after), digest }
}
