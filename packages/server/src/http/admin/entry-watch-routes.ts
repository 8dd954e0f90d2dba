import { EntryEvent, EntryWatchMark, EntryWatchQuery } from '@countersign/api'
import type { Clock, Logger } from '@countersign/plugin-kit'
import { errorCode, WorkloadId } from '@countersign/protocol'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { readEntryEvents } from '../../registration/entry-events.ts'
import type { Store } from '../../store/store.ts'
import { openEventStream } from '../event-stream.ts'
import { HttpError } from '../http-error.ts'
import type { AdminGatekeeper } from './admin-gate.ts'
import { EntryWatch } from './entry-watch.ts'
import type { EntryWatches } from './entry-watches.ts'

export interface EntryWatchRoutesOptions {
  readonly store: Store
  readonly watches: EntryWatches
  readonly clock: Clock
  readonly log: Logger
}

export function addEntryWatchRoutes(
  app: FastifyInstance,
  { accessOf, entryGuardOf }: AdminGatekeeper,
  options: EntryWatchRoutesOptions,
): void {
  const { store, watches, clock, log } = options

  app.get<{ Querystring: EntryWatchQuery }>(
    '/v1/entries/events',
    {
      schema: {
        summary: 'Follow what happens to entries',
        description:
          'Server-sent events: `change` for each entry, `mark` at first and every 15 seconds with the revision until ' +
          'which all was told, `resync` when that can no longer be told. `after` or `Last-Event-ID` goes on from an ' +
          'earlier revision; without, only what happens from now on is told. Ends after five minutes, and when roles ' +
          'or nodes change, so that the caller is asked anew who it is: go on with `Last-Event-ID`.',
        querystring: EntryWatchQuery,
        response: {
          200: {
            description: 'text/event-stream',
            content: { 'text/event-stream': { schema: Type.Union([EntryEvent, EntryWatchMark]) } },
          },
        },
      },
    },
    async (request, reply) => {
      const { below } = request.query
      if (below !== undefined) WorkloadId.parse(below)
      const after = startOf(request) ?? (await store.revision())
      const { subject } = accessOf(request)
      const guard = entryGuardOf(request)
      watches.requirePlace(subject)
      reply.hijack()
      const watch = new EntryWatch({
        sink: openEventStream(reply.raw),
        clock,
        after,
        read: (revision) => readEntryEvents(store, revision, { below, guard }),
        onFailure: (error) => log.info({ code: errorCode(error) }, 'watch of entries ended'),
      })
      watches.add(watch, subject)
      reply.raw.on('close', () => {
        watch.close()
        watches.delete(watch)
      })
    },
  )
}

/** The header is what a client that was cut off sends by itself, so it is the newer of the two. */
function startOf({ headers, query }: FastifyRequest<{ Querystring: EntryWatchQuery }>): number | undefined {
  const text = headers['last-event-id'] ?? query.after
  if (text === undefined) return undefined
  if (typeof text !== 'string' || !/^[0-9]{1,15}$/.test(text)) {
    throw new HttpError('ERR_HTTP_INVALID', 'Last-Event-ID is not a revision')
  }
  return Number(text)
}
