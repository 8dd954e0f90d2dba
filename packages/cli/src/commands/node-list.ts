import type { Node, NodeList } from '@countersign/api'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { selectorText } from '../options/parse-selector.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { relativeTime } from '../terminal/time-text.ts'
import { addVerb } from '../verb.ts'

export function addNodeList(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'list', { does: 'list attested nodes', example: 'node list --output json' })
  addAdminSocketOption(command).action(async (options: AdminOptions & { readonly output: OutputFormat }) => {
    const list = await openAdminClient(context, options).get<NodeList>('/v1/nodes')
    openOutput(context, options).result(list, (page) => {
      if (list.nodes.length === 0) return page.line('no nodes')
      const now = context.clock.now()
      page.table(
        ['agent id', 'attestor', 'state', 'expires', 'selectors'],
        list.nodes.map((node) => [
          node.agentId,
          node.attestor,
          stateOf(node, now),
          relativeTime(node.expiresAt, now),
          node.selectors.map(selectorText),
        ]),
      )
    })
  })
}

function stateOf(node: Node, now: number): string {
  if (node.bannedAt !== undefined) return 'banned'
  return node.expiresAt <= now ? 'expired' : 'active'
}
