import type { AttestorFinding, NearEntry, ProcessExplanation } from '@countersign/api'
import { selectorText } from '../options/parse-selector.ts'
import type { Page } from '../output.ts'
import { shellCommand } from '../terminal/shell-command.ts'

/** The whole explanation as text: the verdict first, then what it follows from, then what to do. */
export function printExplanation(page: Page, explanation: ProcessExplanation): void {
  const { process, agent, attestors, identities, nearest, next } = explanation
  const { namespacePids } = process
  page.fields([
    ['process', `${process.pid}  ${process.program ?? '(program cannot be read)'}`],
    ['user', `uid ${process.uid}, gid ${process.gid}`],
    ...(namespacePids === undefined ? [] : [['in its namespaces', `pid ${namespacePids.join(' / ')}`] as const]),
    ['agent', `${agent.agentId ?? 'not attested yet'} (${agent.state})`],
    ['verdict', verdictOf(explanation)],
  ])
  if (identities.length > 0) {
    section(page, 'Identities, the default first')
    page.table(
      ['entry', 'spiffe id', 'selectors', 'hint'],
      identities.map(({ entryId, spiffeId, selectors, hint = '' }) => [
        entryId,
        spiffeId,
        selectors.map(selectorText),
        hint,
      ]),
    )
  }
  section(page, 'What the agent found')
  page.table(
    ['attestor', 'selectors'],
    attestors.map((finding) => [finding.name, findingLines(finding)]),
  )
  if (nearest.length > 0) {
    section(page, 'Nearest entries')
    page.table(
      ['entry', 'spiffe id', 'missing'],
      nearest.map((near) => [near.entryId, near.spiffeId, missingLines(near)]),
    )
  }
  if (next.length === 0) return
  section(page, 'What to do')
  for (const { say, command } of next) {
    page.line(`- ${say}`)
    if (command !== undefined) page.line(`  $ ${shellCommand(command)}`)
  }
}

function section(page: Page, title: string): void {
  page.line()
  page.line(title)
}

function verdictOf({ outcome, identities, agent }: ProcessExplanation): string {
  switch (outcome) {
    case 'identity':
      return identities.length === 1 ? 'has an identity' : `has ${identities.length} identities`
    case 'not-attested':
      return 'no identity: the agent cannot find out what the process is'
    case 'agent-not-ready':
      return 'no identity: the agent is starting'
    case 'no-identity':
      if (agent.state === 'refused') return 'no identity: the server no longer accepts this agent'
      if (agent.entries === 0) return 'no identity: no entry has this agent for its parent'
      return `no identity: none of the ${agent.entries} entries of this agent fits`
  }
}

function findingLines({ selectors, notes, trouble }: AttestorFinding): readonly string[] {
  const failure = trouble === undefined ? [] : [`failed: ${trouble.message}`, trouble.detail ?? '', trouble.code ?? '']
  return [...selectors.map(selectorText), ...failure.filter(Boolean), ...notes.map((note) => `(${note})`)]
}

function missingLines({ missing, expired }: NearEntry): readonly string[] {
  return expired ? [...missing, '(its time is over)'] : missing
}
