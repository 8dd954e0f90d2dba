import type { AttestorFinding, Entry, ProcessExplanation } from '@countersign/api'
import type { Clock } from '@countersign/plugin-kit'
import { errorCode, WorkloadIdentityError } from '@countersign/protocol'
import { distinct } from '../attestation/workload-attestation.ts'
import { OperatorError } from '../operator/operator-error.ts'
import type { AgentState, AgentView } from '../state/agent-state.ts'
import { adviseNextSteps } from './advise-next-steps.ts'
import { type AttestorFindings, selectorsOf } from './attestor-findings.ts'
import { findNearestEntries } from './explain-no-identity.ts'
import type { RunningProcess } from './running-process.ts'

export interface ExplainProcessOptions {
  readonly state: AgentState
  readonly attestors: AttestorFindings
  readonly clock: Clock
  readonly trustDomain: string
}

/**
 * Answers what this process would get from the Workload API at this moment, and why. Nothing is issued.
 *
 * @throws OperatorError `ERR_OPERATOR_PROCESS_GONE` when it ended meanwhile: what was found may be about another
 */
export async function explainProcess(
  running: RunningProcess,
  { state, attestors, clock, trustDomain }: ExplainProcessOptions,
): Promise<ProcessExplanation> {
  const { peer, program, namespacePids } = running
  const found = rejectTooMany(await attestors.find(peer))
  if (!peer.isAlive() || found.some(({ trouble }) => trouble?.code === 'ERR_ATTESTATION_PROCESS_GONE')) {
    throw new OperatorError('ERR_OPERATOR_PROCESS_GONE', `process ${peer.pid} ended while it was looked at`)
  }
  const now = clock.now()
  const { view } = state
  const selectors = selectorsOf(found)
  const isAttested = found.every(({ trouble }) => trouble === undefined)
  // As the Workload API does: with one attestor missing, what the others found is no answer.
  const matches = isAttested ? view.entries.match(selectors, now) : []
  const isRefused = isAttested && matches.length === 0
  const explanation = {
    outcome: outcomeOf(view, isAttested, matches),
    process: {
      pid: peer.pid,
      uid: peer.uid,
      gid: peer.gid,
      ...(program === undefined ? {} : { program }),
      ...(namespacePids === undefined ? {} : { namespacePids: [...namespacePids] }),
    },
    agent: {
      state: view.status,
      ...(view.agentId === undefined ? {} : { agentId: view.agentId }),
      revision: view.revision,
      entries: view.entries.entries.length,
    },
    attestors: [...found],
    identities: matches.map(toIdentity),
    nearest: isRefused ? findNearestEntries(view.entries.entries, selectors, now) : [],
  }
  return { ...explanation, next: adviseNextSteps(explanation, { entries: view.entries.entries, trustDomain, now }) }
}

function outcomeOf(view: AgentView, isAttested: boolean, matches: readonly Entry[]): ProcessExplanation['outcome'] {
  if (view.status === 'starting') return 'agent-not-ready'
  if (!isAttested) return 'not-attested'
  return matches.length > 0 ? 'identity' : 'no-identity'
}

function toIdentity({ id, spiffeId, selectors, hint }: Entry): ProcessExplanation['identities'][number] {
  return { entryId: id, spiffeId, selectors, ...(hint === undefined ? {} : { hint }) }
}

/** The Workload API refuses a process with more selectors than any can have; so does this. */
function rejectTooMany(found: readonly AttestorFinding[]): readonly AttestorFinding[] {
  try {
    distinct(selectorsOf(found))
    return found
  } catch (error) {
    if (!(error instanceof WorkloadIdentityError)) throw error
    const trouble = { code: errorCode(error) ?? '', message: error.message }
    return found.map((finding) => ({ ...finding, selectors: [], trouble }))
  }
}
