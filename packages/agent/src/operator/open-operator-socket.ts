import type { AgentStatus } from '@countersign/api'
import type { Clock, Logger, LogLevels, PluginContext } from '@countersign/plugin-kit'
import type { Readiness } from '@countersign/telemetry'
import type { AgentSession } from '../attestation/agent-session.ts'
import type { AgentConfig } from '../config/agent-config.ts'
import { AttestorFindings } from '../explain/attestor-findings.ts'
import { explainProcess } from '../explain/explain-process.ts'
import { findProcess, rejectOtherPidNamespace } from '../explain/running-process.ts'
import type { Issuer } from '../issuance/issuer.ts'
import type { AgentState } from '../state/agent-state.ts'
import { createOperatorApi } from './operator-api.ts'
import { OperatorSocket } from './operator-socket.ts'

export interface OperatorParts {
  readonly state: AgentState
  readonly issuer: Issuer
  readonly session: Pick<AgentSession, 'identity' | 'contact'>
  readonly durable: () => AgentStatus['durable']
  readonly connections: () => number
  readonly readiness: Readiness
  readonly logLevels: LogLevels | undefined
  readonly clock: Clock
  readonly log: Logger
  readonly plugin: (name: string) => PluginContext
}

/**
 * Opens the operator's socket, unless it is switched off.
 *
 * @throws AgentError `ERR_AGENT_SOCKET_IN_USE`, `ERR_AGENT_SOCKET_FOLDER`, `ERR_AGENT_SOCKET_PATH`
 */
export async function openOperatorSocket(
  config: AgentConfig,
  parts: OperatorParts,
): Promise<OperatorSocket | undefined> {
  if (!config.operator.enabled) return undefined
  const { state, clock, log, plugin } = parts
  const attestors = new AttestorFindings({
    attestors: config.plugins.workloadAttestors,
    plugin,
    clock,
    timeoutMs: config.attestation.timeout * 1000,
  })
  const startedAt = clock.now()
  const http = createOperatorApi({
    log,
    readStatus: () => readStatus(config, parts, startedAt),
    readHealth: async () => {
      const { ready, checks } = await parts.readiness.report()
      return { ready, checks: [...checks] }
    },
    logLevels: parts.logLevels,
    async explain(pid, asker) {
      rejectOtherPidNamespace(asker)
      return explainProcess(await findProcess(pid), { state, attestors, clock, trustDomain: config.trustDomain })
    },
    peerOf: (request) => socket.peer(request.socket),
  })
  const socket = await OperatorSocket.open({ path: config.operator.socket, clock, log, http })
  return socket
}

function readStatus(
  { trustDomain, socket, server }: AgentConfig,
  { state: { view }, issuer, session, durable, connections }: OperatorParts,
  startedAt: number,
): AgentStatus {
  const { identity, contact } = session
  const kept = durable()
  return {
    trustDomain,
    state: view.status,
    startedAt,
    ...(identity === undefined ? {} : { agentId: identity.agentId, expiresAt: identity.expiresAt }),
    server: { url: server.url, ...contact.current },
    ...(contact.needs.length === 0 ? {} : { needs: [...contact.needs] }),
    revision: view.revision,
    entries: view.entries.entries.length,
    bundles: [...view.bundles.keys()].sort(),
    credentials: issuer.sizes,
    ...(kept === undefined ? {} : { durable: kept }),
    connections: connections(),
    socket,
  }
}
