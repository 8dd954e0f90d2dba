import type { Clock } from '@countersign/plugin-kit'
import { Readiness } from '@countersign/telemetry'
import type { ServerContact } from '../attestation/server-contact.ts'
import type { AgentIdentity } from '../state/agent-identity.ts'
import type { AgentState } from '../state/agent-state.ts'

export interface AgentReadinessParts {
  readonly state: Pick<AgentState, 'view'>
  readonly identity: () => AgentIdentity | undefined
  readonly contact: Pick<ServerContact, 'current'>
  /** Whether any credential of a program is kept that has not ended. */
  readonly hasValidCredentials: () => boolean
  readonly clock: Clock
}

/** Whether the agent can serve programs. Being cut off from its server does not keep it from that, running out does. */
export function createAgentReadiness(parts: AgentReadinessParts): Readiness {
  const readiness = new Readiness({ clock: parts.clock })
  readiness.add({ name: 'registration', check: () => registrationTrouble(parts) })
  readiness.add({ name: 'identity', check: () => identityTrouble(parts) })
  readiness.add({ name: 'server', isRequired: false, check: () => serverTrouble(parts) })
  return readiness
}

/** The same at once, without what is a warning only. */
export function canServe(parts: AgentReadinessParts): boolean {
  return registrationTrouble(parts) === undefined && identityTrouble(parts) === undefined
}

function registrationTrouble({ state }: AgentReadinessParts): string | undefined {
  switch (state.view.status) {
    case 'starting':
      return 'no registration data from the server yet'
    case 'refused':
      return 'the server does not accept this agent any more'
    case 'ready':
      return undefined
  }
}

/** With its own identity ended, the agent gets nothing new, but what it holds for programs is good until it ends. */
function identityTrouble({ identity, hasValidCredentials, clock }: AgentReadinessParts): string | undefined {
  const own = identity()
  if (own !== undefined && own.expiresAt > clock.now()) return undefined
  if (hasValidCredentials()) return undefined
  return own === undefined
    ? 'agent is not attested yet, and keeps nothing to serve'
    : `the agent's own X509-SVID ended ${clock.now() - own.expiresAt} seconds ago, and it keeps nothing to serve`
}

function serverTrouble({ contact, clock }: AgentReadinessParts): string | undefined {
  const { connected, heardAt, trouble } = contact.current
  if (connected) return undefined
  const since = heardAt === undefined ? 'never heard of' : `last heard of ${clock.now() - heardAt} seconds ago`
  return `${since}${trouble === undefined ? '' : `: ${trouble.code ?? trouble.message}`}`
}
