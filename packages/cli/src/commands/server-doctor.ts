import type { Finding, FindingList } from '@countersign/api'
import { WorkloadIdentityError } from '@countersign/protocol'
import type { Command } from 'commander'
import { type AdminOptions, addLocalSocketOption, openAdminClient } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { EXIT } from '../exit.ts'
import { hintFor } from '../hints.ts'
import { type OutputFormat, openOutput, type Page } from '../output.ts'
import { addVerb } from '../verb.ts'

interface DoctorOptions extends AdminOptions {
  readonly config: string
  readonly output: OutputFormat
}

export function addServerDoctor(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'doctor', {
    does: 'look for what is wrong with a server and its data, whether it runs or not; changes nothing',
    example: 'server doctor --config server.yaml',
  }).requiredOption('--config <file>', "the server's YAML configuration")
  addLocalSocketOption(command).action(async (options: DoctorOptions) => {
    const findings = await examine(context, options)
    const healthy = !findings.some(({ status }) => status === 'problem')
    if (!healthy) context.exitCode = EXIT.failed
    openOutput(context, options).result({ healthy, findings }, (page) => print(page, findings))
  })
}

async function examine(context: CommandContext, options: DoctorOptions): Promise<readonly Finding[]> {
  const { loadServerConfig, examineServer } = await context.modules.serverData()
  try {
    const config = await loadServerConfig(options.config, context.env)
    const client = openAdminClient(context, { adminSocket: options.adminSocket ?? config.admin.socket })
    const askRunning = async () => (await client.get<FindingList>('/v1/checks')).findings
    return await examineServer(config, { now: context.clock.now(), askRunning })
  } catch (error) {
    if (!(error instanceof WorkloadIdentityError) || !error.code.startsWith('ERR_CONFIG_')) throw error
    const next = hintFor(error.code) ?? 'correct the configuration'
    return [{ check: 'configuration', status: 'problem', message: `${error.message} (${error.code})`, next }]
  }
}

function print(page: Page, findings: readonly Finding[]): void {
  page.table(
    ['check', 'status', 'finding'],
    findings.map(({ check, status, message }) => [check, status, message]),
  )
  const advised = findings.filter(({ next }) => next !== undefined)
  if (advised.length > 0) page.line('\nWhat to do:')
  for (const { check, next } of advised) page.line(`  ${check}: ${next}`)
}
