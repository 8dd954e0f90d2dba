import type { ServerResponse } from 'node:http'
import { SyncState } from '@countersign/api'
import type { Clock, Logger } from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'
import type { FastifyInstance } from 'fastify'
import type { SyncStates } from '../../registration/sync-state.ts'
import type { NodeOf } from './node-of.ts'
import type { SyncHub } from './sync-hub.ts'
import { type EventSink, SyncStream } from './sync-stream.ts'

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
    (request) => {
      const { agentId, serial } = nodeOf(request)
      return states.read(agentId, serial, clock.now())
    },
  )

  app.get(
    '/v1/agent/events',
    {
      schema: {
        summary: 'Follow changes',
        description:
          'Server-sent events: `sync` with the whole state at once and after every change that concerns the node. ' +
          'Ends when the client certificate expires or the node is refused.',
        response: {
          200: { description: 'text/event-stream', content: { 'text/event-stream': { schema: SyncState } } },
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
        read: () => states.read(agentId, serial, clock.now()),
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

function openEventStream(response: ServerResponse): EventSink {
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // Proxies that collect answers before passing them on would hold events back.
    'x-accel-buffering': 'no',
  })
  response.flushHeaders()
  response.on('error', () => response.destroy())
  return {
    write: (text) => response.destroyed || response.write(text),
    onDrain: (run) => response.on('drain', run),
    end: () => {
      response.end()
      // A peer that does not read would keep the connection, and with it a stopping server, open.
      response.socket?.destroySoon()
    },
  }
}
