import type { JoinToken, NewJoinToken } from '@countersign/api'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { collect } from '../options/collect.ts'
import { parseDuration } from '../options/parse-duration.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { timeText } from '../terminal/time-text.ts'
import { addVerb } from '../verb.ts'

interface Options extends AdminOptions {
  readonly ttl?: number
  readonly agentPath?: string
  readonly selector?: readonly string[]
  readonly output: OutputFormat
}

export function addTokenCreate(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'create', {
    does: 'create a join token: one agent may attest with it, once',
    example: 'token create --ttl 600 --agent-path /node-1 --selector role:db',
  })
    .option('--ttl <duration>', 'how long the token can be used, as in 600 or 10m (default 600)', parseDuration)
    .option('--agent-path <path>', "path of the agent's identifier below /countersign/agent, as in /node-1")
    .option(
      '--selector <value>',
      'gives the node the selector join_token:<value>, for node aliases (repeatable)',
      collect,
    )
  addAdminSocketOption(command).action(async (options: Options) => {
    const request: NewJoinToken = {
      ...(options.ttl === undefined ? {} : { ttl: options.ttl }),
      ...(options.agentPath === undefined ? {} : { agentPath: options.agentPath }),
      ...(options.selector === undefined ? {} : { selectors: [...options.selector] }),
    }
    const token = await openAdminClient(context, options).post<JoinToken>('/v1/join-tokens', request)
    openOutput(context, options).result(token, (page) => {
      page.fields([
        ['token', token.token],
        ['agent id', token.agentId],
        ['expires', timeText(token.expiresAt, context.clock.now())],
      ])
      context.stderr.write('The token is shown this once; the server keeps only its hash.\n')
    })
  })
}
