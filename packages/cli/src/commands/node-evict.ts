import type { NodeReference } from '@countersign/api'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { parseIdentifier } from '../options/parse-identifier.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'

export function addNodeEvict(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'evict', {
    does: 'forget a node: it must attest again',
    example: 'node evict spiffe://example.org/countersign/agent/node-1',
  }).argument('<agent-id>', "the agent's identifier, as `node list` shows it", parseIdentifier)
  addAdminSocketOption(command).action(
    async (agentId: string, options: AdminOptions & { readonly output: OutputFormat }) => {
      await openAdminClient(context, options).post('/v1/nodes/evict', { agentId } satisfies NodeReference)
      openOutput(context, options).result({ agentId, evicted: true }, (page) => page.line(`evicted ${agentId}`))
    },
  )
}
