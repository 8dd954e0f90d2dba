import { AuthorityList, AuthorityReference, AuthorityView, PrepareAuthority } from '@countersign/api'
import type { FastifyInstance } from 'fastify'
import type { AuthorityLifeCycle } from '../../issuance/authority-life-cycle.ts'

export interface AuthorityRoutesOptions {
  readonly lifeCycle: AuthorityLifeCycle
}

export function addAuthorityRoutes(app: FastifyInstance, { lifeCycle }: AuthorityRoutesOptions): void {
  app.get(
    '/v1/authorities',
    { schema: { summary: 'List signing authorities', response: { 200: AuthorityList } } },
    async () => ({ authorities: await lifeCycle.list() }),
  )

  app.post<{ Body: PrepareAuthority }>(
    '/v1/authorities/prepare',
    {
      schema: {
        summary: 'Publish a new authority',
        description: 'One of that kind that is prepared already is the answer.',
        body: PrepareAuthority,
        response: { 200: AuthorityView },
      },
    },
    (request) => lifeCycle.prepare(request.body.kind),
  )

  for (const { step, summary, description, run } of STEPS) {
    app.post<{ Body: AuthorityReference }>(
      `/v1/authorities/${step}`,
      { schema: { summary, description, body: AuthorityReference, response: { 200: AuthorityView } } },
      (request) => run(lifeCycle, request.body),
    )
  }
}

const STEPS: readonly {
  readonly step: string
  readonly summary: string
  readonly description: string
  readonly run: (lifeCycle: AuthorityLifeCycle, reference: AuthorityReference) => Promise<AuthorityView>
}[] = [
  {
    step: 'activate',
    summary: 'Sign with a prepared authority',
    description: '409 before everyone can know it, unless forced.',
    run: (lifeCycle, { id, force }) => lifeCycle.activate(id, { force }),
  },
  {
    step: 'taint',
    summary: 'Have everything replaced that an authority signed',
    description: 'For one that is retired. The list tells how far the nodes have come.',
    run: (lifeCycle, { id }) => lifeCycle.taint(id),
  },
  {
    step: 'revoke',
    summary: 'Take an authority out of the bundle',
    description: '409 while nodes may still use what it signed, unless forced. Its private key is deleted.',
    run: (lifeCycle, { id, force }) => lifeCycle.revoke(id, { force }),
  },
]
