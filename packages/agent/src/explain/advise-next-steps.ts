import type { Entry, NextStep, ProcessExplanation } from '@countersign/api'
import { formatSelector } from '@countersign/plugin-kit'
import { selectorsOf } from './attestor-findings.ts'
import { suggestName, suggestSelectors } from './suggest-entry.ts'

export interface AdviceContext {
  readonly entries: readonly Entry[]
  readonly trustDomain: string
  /** Epoch seconds. */
  readonly now: number
}

const DAY_SECONDS = 86_400

/** What an operator can do about a process that has no identity; nothing when it has one. */
export function adviseNextSteps(
  explanation: Omit<ProcessExplanation, 'next'>,
  { entries, trustDomain, now }: AdviceContext,
): NextStep[] {
  const { outcome, agent, attestors, nearest } = explanation
  if (outcome === 'identity') return []
  if (outcome === 'agent-not-ready') {
    return [
      {
        say: 'the agent has no identity or no registration data yet, and tells every program to try again; see why',
        command: ['countersign', 'agent', 'status'],
      },
    ]
  }
  if (agent.state === 'refused') {
    return [
      {
        say: 'the server no longer accepts this agent, so no program gets an identity; see whether it is banned or evicted',
        command: ['countersign', 'node', 'list'],
      },
    ]
  }
  if (outcome === 'not-attested') {
    return attestors.flatMap(({ name, trouble }) =>
      trouble === undefined
        ? []
        : [
            {
              say: `make attestor "${name}" work: it says "${trouble.message}"; until then the program is told to try again`,
            },
          ],
    )
  }
  const selectors = suggestSelectors(selectorsOf(attestors)).flatMap((each) => ['--selector', formatSelector(each)])
  if (selectors.length === 0 || agent.agentId === undefined) return []
  const [near] = nearest
  const steps: NextStep[] = []
  if (near?.missing.length === 0 && near.expired) {
    steps.push({
      say: `entry ${near.entryId} fits, but its time is over; if ${near.spiffeId} is still meant to be, give it a new end`,
      command: ['countersign', 'entry', 'update', near.entryId, '--expires-at', isoTime(now + DAY_SECONDS)],
    })
  } else if (near !== undefined && isAlike(near, entries)) {
    steps.push({
      say: `if this process is ${near.spiffeId}, correct that entry; its selectors are replaced by these`,
      command: ['countersign', 'entry', 'update', near.entryId, ...selectors],
    })
  }
  const id = `spiffe://${trustDomain}/${suggestName(explanation)}`
  steps.push({
    say: 'if it is a workload of its own, name it and say which programs it is; leave out what others need not be',
    command: ['countersign', 'entry', 'create', '--id', id, '--parent', agent.agentId, ...selectors],
  })
  return steps
}

/** Whether the process has at least one selector of the entry, so that the entry may have been meant for it. */
function isAlike(near: ProcessExplanation['nearest'][number], entries: readonly Entry[]): boolean {
  const wanted = entries.find(({ id }) => id === near.entryId)?.selectors.length ?? 0
  return near.missing.length < wanted
}

function isoTime(epochSeconds: number): string {
  return new Date(epochSeconds * 1000).toISOString().replace(/\.\d{3}Z$/, 'Z')
}
