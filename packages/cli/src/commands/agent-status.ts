import type { AgentStatus } from '@countersign/api'
import type { Command } from 'commander'
import type { CommandContext } from '../command-context.ts'
import { addOperatorSocketOption, askAgent, type OperatorOptions } from '../operator/operator-client.ts'
import { type OutputFormat, openOutput, type Page } from '../output.ts'
import { shellCommand } from '../terminal/shell-command.ts'
import { durationText, relativeTime, timeText } from '../terminal/time-text.ts'
import { addVerb } from '../verb.ts'

export function addAgentStatus(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'status', {
    does: 'show how the running agent of this host is',
    example: 'agent status --operator-socket ./agent/operator.sock',
  })
  addOperatorSocketOption(command).action(async (options: OperatorOptions & { readonly output: OutputFormat }) => {
    const status = await askAgent<AgentStatus>(context, options, '/v1/status')
    openOutput(context, options).result(status, (page) => printStatus(page, status, context.clock.now()))
  })
}

const STATES: Readonly<Record<AgentStatus['state'], string>> = {
  starting: 'starting: no identity or no registration data yet, programs are told to try again',
  ready: 'ready',
  refused: 'refused: the server no longer accepts this agent, no program gets an identity',
}

function printStatus(page: Page, status: AgentStatus, now: number): void {
  const { server, credentials } = status
  const heard = server.heardAt === undefined ? 'not heard of yet' : `last heard of ${relativeTime(server.heardAt, now)}`
  const { trouble } = server
  page.fields([
    ['state', STATES[status.state]],
    ['trust domain', status.trustDomain],
    ['agent id', status.agentId ?? 'not attested yet'],
    ...(status.expiresAt === undefined
      ? []
      : [[status.expiresAt > now ? 'svid expires' : 'svid expired', timeText(status.expiresAt, now)] as const]),
    ['server', [server.url, `${server.connected ? 'connected' : 'not connected'}, ${heard}`]],
    ...(trouble === undefined ? [] : [['trouble', troubleText(trouble)] as const]),
    ['running for', durationText(now - status.startedAt)],
    ['revision', String(status.revision)],
    ['entries', String(status.entries)],
    ['bundles', status.bundles.length === 0 ? 'none' : status.bundles],
    ['credentials', `${credentials.x509} X509-SVID, ${credentials.jwt} JWT-SVID, ${credentials.wit} WIT-SVID`],
    ...(status.durable === undefined ? [] : [['kept on disk', durableText(status.durable, now)] as const]),
    ['connections', String(status.connections)],
    ['workload API', `unix://${status.socket}`],
  ])
  if (status.needs === undefined) return
  page.line()
  page.line('What to do')
  for (const { say, command } of status.needs) {
    page.line(`- ${say}`)
    if (command !== undefined) page.line(`  $ ${shellCommand(command)}`)
  }
}

function durableText({ savedAt, trouble }: NonNullable<AgentStatus['durable']>, now: number): readonly string[] {
  const saved = savedAt === undefined ? 'nothing yet' : `as of ${relativeTime(savedAt, now)}`
  return trouble === undefined ? [saved] : [saved, trouble]
}

function troubleText({ code, message, detail }: NonNullable<AgentStatus['server']['trouble']>): readonly string[] {
  return [code === undefined ? message : `${message} (${code})`, ...(detail === undefined ? [] : [detail])]
}
