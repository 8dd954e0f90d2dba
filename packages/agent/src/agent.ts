import { type Clock, type Logger, type LogLevels, type PluginContext, systemClock } from '@countersign/plugin-kit'
import { AgentSession } from './attestation/agent-session.ts'
import { NodeAttestation } from './attestation/node-attestation.ts'
import { OwnTrust } from './attestation/own-trust.ts'
import { TrustRecovery } from './attestation/trust-recovery.ts'
import type { AgentConfig } from './config/agent-config.ts'
import { Heartbeat } from './heartbeat.ts'
import { Issuer } from './issuance/issuer.ts'
import { TaintedCredentials } from './issuance/tainted-credentials.ts'
import { openOperatorSocket } from './operator/open-operator-socket.ts'
import { HttpsServerClient } from './server-client/https-server-client.ts'
import { AgentState } from './state/agent-state.ts'
import { applyOwnBundle, applySync } from './state/apply-sync.ts'
import { lockFolder } from './state/folder-lock.ts'
import { resumeCredentials, resumeIdentity, resumeTrust, resumeView } from './state/resume.ts'
import { StateStore } from './state/state-store.ts'
import { removeUnfinished } from './state/write-private-file.ts'
import { canServe, createAgentReadiness } from './telemetry/agent-readiness.ts'
import { openObservation } from './telemetry/observation.ts'
import { openTelemetryListener } from './telemetry/open-telemetry-listener.ts'
import { openWorkloadApi } from './workload-api/open-workload-api.ts'

export interface StartAgentOptions {
  readonly log: Logger
  readonly clock?: Clock
  /** From 0 up to 1; spreads renewals and retries. */
  readonly random?: () => number
  /** Of that log, for operators to change. */
  readonly logLevels?: LogLevels
}

export interface RunningAgent {
  /** `undefined` until the node has been attested. */
  agentId(): string | undefined
  readonly socketPath: string
  /** Of the operator's socket, unless it is switched off. */
  readonly operatorSocketPath: string | undefined
  /** For scrapers and probes, when the configuration has it. */
  readonly telemetryUrl: string | undefined
  /** Where the Broker API listens on TCP, if it does. */
  readonly brokerPort: number | undefined
  /** How many are open on the socket. */
  connections(): number
  stop(): Promise<void>
}

/**
 * Starts an agent. Resolves when the Workload API socket accepts; identities may still be on their way, and until they
 * are there callers are told to try again.
 *
 * @throws AgentError `ERR_AGENT_PEER_CREDENTIALS`, `ERR_AGENT_SOCKET_*` when a socket cannot be served safely
 * @throws AgentError `ERR_AGENT_STATE_LOCKED` when another agent uses the state folder, `ERR_AGENT_STATE_FOLDER`
 * @throws AgentError `ERR_AGENT_BROKER_ADDRESS` when the Broker API cannot listen where it is told to
 * @throws TelemetryError `ERR_TELEMETRY_ADDRESS`, `ERR_TELEMETRY_PACKAGE`
 * @throws AgentError `ERR_AGENT_BOOTSTRAP_BUNDLE` when the agent would not know whom to believe
 */
export async function startAgent(config: AgentConfig, options: StartAgentOptions): Promise<RunningAgent> {
  const store = await StateStore.open(config.dataDir, options.log)
  const unlock = lockFolder(config.dataDir)
  try {
    await removeUnfinished(config.dataDir)
    return await startLocked(config, store, unlock, options)
  } catch (error) {
    unlock()
    throw error
  }
}

async function startLocked(
  config: AgentConfig,
  store: StateStore,
  unlock: () => void,
  options: StartAgentOptions,
): Promise<RunningAgent> {
  const { log, clock = systemClock, random = Math.random, logLevels } = options
  const observation = await openObservation(config, log)
  const trust = new OwnTrust(config.trustDomain, log)
  await resumeTrust(config, store, trust)

  const state = new AgentState()
  let session: AgentSession | undefined
  const server = new HttpsServerClient({
    url: config.server.url,
    trust: { trustDomain: config.trustDomain, roots: () => trust.roots(), now: () => clock.now() },
    identity: () => session?.identity,
    clock,
    timeoutMs: config.server.timeout * 1000,
    observation,
  })
  const issuer = new Issuer({
    server,
    clock,
    log: log.child({ component: 'issuance' }),
    random,
    maxCredentials: config.limits.credentials,
    observation,
  })
  const tainted = new TaintedCredentials({
    issuer,
    trustDomain: config.trustDomain,
    clock,
    log,
    ownChain: () => session?.identity?.chain,
    renewOwn: () => session?.renewSoon(),
    report: (report) => server.reportTainted(report),
  })
  const target = { state, trust, issuer, tainted, log, now: () => clock.now() }

  const { dataDir, configDir } = config
  const plugin = (name: string): PluginContext => ({ clock, log: log.child({ plugin: name }), dataDir, configDir })
  const { agentId, identity } = await resumeIdentity(store, trust, clock, log)
  const synced = agentId === undefined ? undefined : await resumeView(config, store, target, agentId)
  const agentIdNow = () => session?.identity?.agentId ?? agentId
  const credentials = await resumeCredentials(config, state, { issuer, clock, log, agentId: agentIdNow })
  const { keeper } = credentials

  session = new AgentSession({
    server,
    serverUrl: config.server.url,
    attestation: new NodeAttestation({
      attestor: config.plugins.nodeAttestor.create(plugin(config.plugins.nodeAttestor.name)),
      attestorName: config.plugins.nodeAttestor.name,
      server,
      trust,
      store,
      clock,
    }),
    recovery: new TrustRecovery({
      path: config.bootstrapBundle,
      trust,
      save: (bundle) => store.saveBundle(bundle),
      onReplaced: () => applyOwnBundle(target),
      log,
    }),
    clock,
    random,
    log: log.child({ component: 'session' }),
    syncIntervalSeconds: config.server.syncInterval,
    identity,
    agentId,
    synced,
    onSync: (own, sync) => {
      applySync(target, own.agentId, sync)
      persist(store, config.trustDomain, sync, log)
    },
    onRefused: () => {
      state.refuse()
      // Revoked with the node: it gets others when it is accepted again.
      issuer.forgetAll()
      void keeper?.wipe()
      store.removeSync().catch((error: NodeJS.ErrnoException) => {
        log.error({ reason: error.code }, 'stored state could not be removed')
      })
    },
  })

  const identityNow = () => session?.identity
  const health = {
    ...{ state, clock, identity: identityNow, contact: session.contact },
    hasValidCredentials: () => issuer.hasValid,
  }
  const readiness = createAgentReadiness(health)
  const api = await openWorkloadApi(config, {
    ...{ state, issuer, clock, random, log, plugin, observation, identity: identityNow },
    canServe: () => canServe(health),
  })
  const { connections } = api
  const parts = {
    ...{ state, issuer, session, durable: credentials.status, connections, clock, log, plugin },
    ...{ readiness, logLevels },
  }
  const operator = await openOperatorSocket(config, parts).catch(async (error: unknown) => {
    await api.close()
    throw error
  })
  const telemetry = await openTelemetryListener(config, observation, { ...parts, load: api.load }).catch(
    async (error: unknown) => {
      await operator?.close()
      await api.close()
      throw error
    },
  )
  const heartbeat = new Heartbeat({
    clock,
    onBeat: () => issuer.tend(),
    onShift: (seconds) => {
      log.warn({ seconds }, 'the clock was set, or this machine slept: everything that is due is done now')
      issuer.shift(seconds)
      api.pushes.rearm()
      session?.clockShifted(seconds)
    },
  })
  const stopping = new AbortController()
  const running = session.run(stopping.signal)
  return {
    agentId: () => session.identity?.agentId,
    socketPath: config.socket,
    operatorSocketPath: operator?.path,
    telemetryUrl: telemetry?.url,
    brokerPort: api.brokerPort,
    connections: () => api.connections(),
    async stop() {
      heartbeat.stop()
      stopping.abort()
      tainted.stop()
      await telemetry?.close()
      await operator?.close()
      await api.close()
      server.close()
      await running
      await keeper?.stop()
      await store.settled()
      await observation.tracing.close()
      unlock()
    },
  }
}

function persist(
  store: StateStore,
  trustDomain: string,
  sync: Parameters<StateStore['saveSync']>[0],
  log: Logger,
): void {
  const own = sync.bundles.find((each) => each.trustDomain === trustDomain)
  const writes = [store.saveSync(sync), ...(own === undefined ? [] : [store.saveBundle(own)])]
  Promise.all(writes).catch((error: NodeJS.ErrnoException) => {
    log.error({ reason: error.code }, 'state cannot be written, a restart would begin with older state')
  })
}
