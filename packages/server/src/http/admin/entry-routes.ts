import { Entry, EntryBatch, EntryBatchResult, EntryChange, EntryList, NewEntry, WorkloadId } from '@countersign/api'
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Registration } from '../../registration/registration.ts'
import type { AdminGatekeeper } from './admin-gate.ts'

export interface EntryRoutesOptions {
  readonly registration: Registration
}

const EntryQuery = Type.Object(
  { spiffeId: Type.Optional(WorkloadId), parentId: Type.Optional(WorkloadId) },
  { additionalProperties: false },
)
const EntryParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) })
type EntryParams = Static<typeof EntryParams>

export function addEntryRoutes(
  app: FastifyInstance,
  { entryGuardOf }: Pick<AdminGatekeeper, 'entryGuardOf'>,
  { registration }: EntryRoutesOptions,
): void {
  app.get<{ Querystring: Static<typeof EntryQuery> }>(
    '/v1/entries',
    { schema: { summary: 'List entries', querystring: EntryQuery, response: { 200: EntryList } } },
    (request) => registration.list(request.query, entryGuardOf(request)),
  )

  app.post<{ Body: NewEntry }>(
    '/v1/entries',
    {
      schema: {
        summary: 'Create an entry',
        description: '409 when one with the same identifier, parent and selectors exists.',
        body: NewEntry,
        response: { 201: Entry },
      },
    },
    async (request, reply) => {
      const entry = await registration.create(request.body, entryGuardOf(request))
      return reply.code(201).header('location', `/v1/entries/${entry.id}`).send(entry)
    },
  )

  app.post<{ Body: EntryBatch }>(
    '/v1/entries/batch',
    {
      schema: {
        summary: 'Create, replace and delete entries, all or none',
        description: '409 when entries have changed since the revision that the batch was planned on.',
        body: EntryBatch,
        response: { 200: EntryBatchResult },
      },
    },
    (request) => registration.batch(request.body, entryGuardOf(request)),
  )

  app.get<{ Params: EntryParams }>(
    '/v1/entries/:id',
    { schema: { summary: 'Show an entry', params: EntryParams, response: { 200: Entry } } },
    (request) => registration.get(request.params.id, entryGuardOf(request)),
  )

  app.patch<{ Params: EntryParams; Body: EntryChange }>(
    '/v1/entries/:id',
    {
      schema: {
        summary: 'Change an entry',
        description: 'Replaces the given fields; the others stay.',
        params: EntryParams,
        body: EntryChange,
        response: { 200: Entry },
      },
    },
    (request) => registration.update(request.params.id, request.body, entryGuardOf(request)),
  )

  app.delete<{ Params: EntryParams }>(
    '/v1/entries/:id',
    { schema: { summary: 'Delete an entry', params: EntryParams } },
    async (request, reply) => {
      await registration.delete(request.params.id, entryGuardOf(request))
      return reply.code(204).send()
    },
  )
}
