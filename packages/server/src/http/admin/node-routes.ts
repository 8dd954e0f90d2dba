import { Node, NodeList, NodeReference } from '@countersign/api'
import type { FastifyInstance } from 'fastify'
import type { Audit } from '../../audit/audit.ts'
import type { NodeStore } from '../../store/node-store.ts'
import type { AdminGatekeeper } from './admin-gate.ts'

export interface NodeRoutesOptions {
  readonly nodes: NodeStore
  readonly audit: Audit
}

export function addNodeRoutes(
  app: FastifyInstance,
  { accessOf }: Pick<AdminGatekeeper, 'accessOf'>,
  { nodes, audit }: NodeRoutesOptions,
): void {
  app.get('/v1/nodes', { schema: { summary: 'List nodes', response: { 200: NodeList } } }, async (request) => {
    const access = accessOf(request)
    return { nodes: (await nodes.list()).filter(({ agentId }) => access.sees(agentId)) }
  })

  app.post<{ Body: NodeReference }>(
    '/v1/nodes/ban',
    {
      schema: {
        summary: 'Ban a node',
        description:
          "It is refused at once, for good, even if it attests again. Its X509-SVIDs, and its programs', are revoked.",
        body: NodeReference,
        response: { 200: Node },
      },
    },
    async (request) => {
      const node = await nodes.ban(request.body.agentId)
      audit.nodeBanned({ agentId: node.agentId })
      return node
    },
  )

  app.post<{ Body: NodeReference }>(
    '/v1/nodes/evict',
    {
      schema: {
        summary: 'Evict a node',
        description:
          'It is forgotten and refused at once, until it attests again; its X509-SVIDs are revoked. Lifts a ban.',
        body: NodeReference,
        response: { 200: Node },
      },
    },
    async (request) => {
      const node = await nodes.evict(request.body.agentId)
      audit.nodeEvicted({ agentId: node.agentId })
      return node
    },
  )
}
