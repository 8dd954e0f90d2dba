import {
  AuthorityList,
  AuthorityReference,
  AuthorityRequestView,
  AuthorityView,
  ImportAuthority,
  PrepareAuthority,
} from '@countersign/api'
import { decodeBase64, encodeBase64 } from '@countersign/protocol'
import type { FastifyInstance } from 'fastify'
import type { AuthorityImports } from '../../issuance/authority-imports.ts'
import type { AuthorityLifeCycle } from '../../issuance/authority-life-cycle.ts'
import type { UpstreamLink } from '../../issuance/upstream-link.ts'

export interface AuthorityRoutesOptions {
  readonly lifeCycle: AuthorityLifeCycle
  readonly imports: AuthorityImports
  readonly upstream?: UpstreamLink | undefined
}

export function addAuthorityRoutes(app: FastifyInstance, options: AuthorityRoutesOptions): void {
  const { lifeCycle, imports, upstream } = options
  app.get(
    '/v1/authorities',
    { schema: { summary: 'List signing authorities', response: { 200: AuthorityList } } },
    async () => ({
      authorities: await lifeCycle.list(),
      ...(upstream !== undefined && { upstream: upstream.status.view() }),
    }),
  )

  app.post(
    '/v1/authorities/request',
    {
      schema: {
        summary: 'Make the key of a certificate authority that is signed by hand',
        description: 'The answer has the certificate signing request. The key waits for thirty days.',
        response: { 200: AuthorityRequestView },
      },
    },
    async () => {
      const { authority, csr } = await imports.request()
      return { authority, csr: encodeBase64(csr) }
    },
  )

  app.post<{ Body: ImportAuthority }>(
    '/v1/authorities/import',
    {
      schema: {
        summary: 'Bring the certificate of an authority that was signed by hand',
        description: 'Verified up to its root, which is published. The authority is prepared then.',
        body: ImportAuthority,
        response: { 200: AuthorityView },
      },
    },
    (request) => {
      const { id, chain, root } = request.body
      return imports.import(id, chain.map(decodeBase64), root === undefined ? undefined : decodeBase64(root))
    },
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
