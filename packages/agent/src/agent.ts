import { type Clock, type Logger, type LogLevels, type PluginContext, systemClock } from '@countersign/plugin-kit'
import { AgentError } from './agent-error.ts'
import { AgentSession } from './attestation/agent-session.ts'
import { newerBundle, readBootstrapBundle } from './attestation/bootstrap-bundle.ts'
import { NodeAttestation, verifyOwn } from './attestation/node-attestation.ts'
import { OwnTrust } from './attestation/own-trust.ts'
import { WorkloadAttestation } from './attestation/workload-attestation.ts'
import type { AgentConfig } from './config/agent-config.ts'
import { NoIdentityLog } from './explain/explain-no-identity.ts'
import { Issuer } from './issuance/issuer.ts'
import { TaintedCredentials } from './issuance/tainted-credentials.ts'
import { LimitedLogger } from './limited-logger.ts'
import { MemoryRelease } from './memory-release.ts'
import { openOperatorSocket } from './operator/open-operator-socket.ts'
import { HttpsServerClient } from './server-client/https-server-client.ts'
import { ConnectionCounter } from './socket/connection-limits.ts'
import { Listener } from './socket/listener.ts'
import type { AgentIdentity } from './state/agent-identity.ts'
import { AgentState } from './state/agent-state.ts'
import { applySync } from './state/apply-sync.ts'
import { StateStore } from './state/state-store.ts'
import { canServe, createAgentReadiness } from './telemetry/agent-readiness.ts'
import { HealthTeller } from './telemetry/health-teller.ts'
import { type AgentObservation, openObservation } from './telemetry/observation.ts'
import { openTelemetryListener } from './telemetry/open-telemetry-listener.ts'
import { CallerResolver } from './workload-api/caller.ts'
import { PushSchedule } from './workload-api/push-schedule.ts'
import { createWorkloadApiServer } from './workload-api/workload-api-server.ts'

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
 * @throws AgentError `ERR_AGENT_BROKER_ADDRESS` when the Broker API cannot listen where it is told to
 * @throws TelemetryError `ERR_TELEMETRY_ADDRESS`, `ERR_TELEMETRY_PACKAGE`
 * @throws AgentError `ERR_AGENT_BOOTSTRAP_BUNDLE` when the agent would not know whom to believe
 */
export async function startAgent(config: AgentConfig, options: StartAgentOptions): Promise<RunningAgent> {
  const { log, clock = systemClock, random = Math.random, logLevels } = options
  const observation = await openObservation(config, log)
  const store = await StateStore.open(config.dataDir, log)
  const trust = new OwnTrust(config.trustDomain, log)
  await loadTrust(config, store, trust)

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
  const target = { state, trust, issuer, tainted, log }

  const { dataDir, configDir } = config
  const plugin = (name: string): PluginContext => ({ clock, log: log.child({ plugin: name }), dataDir, configDir })
  const identity = await loadIdentity(store, trust, clock, log)
  const stored = identity && (await store.loadSync())
  const synced = stored?.trustDomain === config.trustDomain ? stored : undefined
  if (identity !== undefined && synced !== undefined) applySync(target, identity.agentId, synced)

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
    clock,
    random,
    log: log.child({ component: 'session' }),
    syncIntervalSeconds: config.server.syncInterval,
    identity,
    synced,
    onSync: (own, sync) => {
      applySync(target, own.agentId, sync)
      persist(store, config.trustDomain, sync, log)
    },
    onRefused: () => {
      state.refuse()
      // Revoked with the node: it gets others when it is accepted again.
      issuer.forgetAll()
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
  const parts = { state, issuer, session, connections, clock, log, plugin, readiness, logLevels }
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
      stopping.abort()
      tainted.stop()
      await telemetry?.close()
      await operator?.close()
      await api.close()
      server.close()
      await running
      await store.settled()
      await observation.tracing.close()
    },
  }
}

async function loadTrust(config: AgentConfig, store: StateStore, trust: OwnTrust): Promise<void> {
  const stored = await store.loadBundle()
  const provided =
    config.bootstrapBundle === undefined
      ? undefined
      : await readBootstrapBundle(config.bootstrapBundle, config.trustDomain).catch((error: unknown) => {
          // An agent that has met its server does without the file, which may be gone by now.
          if (stored === undefined) throw error
          return undefined
        })
  const bundle = newerBundle(stored?.trustDomain === config.trustDomain ? stored : undefined, provided)
  if (bundle === undefined) {
    throw new AgentError('ERR_AGENT_BOOTSTRAP_BUNDLE', 'agent knows no server to trust: set "bootstrapBundle"')
  }
  trust.replace(bundle)
}

/** The identity of an earlier run, if it can still be used. */
async function loadIdentity(
  store: StateStore,
  trust: OwnTrust,
  clock: Clock,
  log: Logger,
): Promise<AgentIdentity | undefined> {
  const identity = await store.loadIdentity()
  if (identity === undefined || identity.expiresAt <= clock.now()) return undefined
  try {
    const { id } = await verifyOwn(identity.chain, trust, clock.now())
    if (id === identity.agentId) return identity
    log.error({ agentId: identity.agentId }, 'stored identity is under another name and not used')
    return undefined
  } catch (error) {
    log.warn({ agentId: identity.agentId, code: (error as AgentError).code }, 'stored identity is not used any more')
    return undefined
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

interface WorkloadApiParts {
  readonly state: AgentState
  readonly issuer: Issuer
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
  readonly plugin: (name: string) => PluginContext
  readonly identity: () => AgentIdentity | undefined
  readonly observation: AgentObservation
  /** Whether programs can be given identities now. */
  readonly canServe: () => boolean
}

async function openWorkloadApi(config: AgentConfig, parts: WorkloadApiParts) {
  const { state, issuer, clock, random, plugin, observation } = parts
  const log = parts.log.child({ component: 'workload-api' })
  const attestation = new WorkloadAttestation({
    attestors: config.plugins.workloadAttestors.map(({ name, create }) => ({ name, attestor: create(plugin(name)) })),
    clock,
    log,
    timeoutMs: config.attestation.timeout * 1000,
    cacheSeconds: config.attestation.cache,
    observation,
  })
  const { explain } = new NoIdentityLog(clock, log)
  const { streams: total, streamsPerUser: perUid } = config.limits
  const streams = new ConnectionCounter({ total, perUid })
  const callers = new CallerResolver({
    state,
    attestation,
    clock,
    streams,
    peerOf: (key) => listener.peer(key),
    explain,
  })
  const pushes = new PushSchedule({ clock, random, stopwatch: observation.recorder.stopwatch })
  state.subscribe(() => pushes.announce())
  issuer.subscribe((entryIds) => pushes.announceEntries(entryIds))
  const context = {
    callers,
    issuer,
    state,
    pushes,
    maxIdentities: config.limits.identities,
    trustDomain: config.trustDomain,
    clock,
    log: new LimitedLogger(log, clock),
    observation,
  }
  const api = createWorkloadApiServer(context, config.sds)
  const memory = new MemoryRelease(clock)
  const listener: Listener = await Listener.open({
    path: config.socket,
    limits: { total: config.limits.connections, perUid: config.limits.connectionsPerUser },
    handshakeTimeoutMs: config.limits.handshakeTimeout * 1000,
    clock,
    log,
    serve: (connection) => {
      memory.touch()
      api.serve(connection)
    },
  })
  const health = new HealthTeller(api.health, parts.canServe, clock)
  const forget = state.subscribe(() => health.look())
  const close = async () => {
    memory.close()
    forget()
    health.stop()
    await listener.close()
    api.close()
  }
  const connections = () => listener.connections
  const load = () => ({ connections: connections(), streams: streams.total, attestations: attestation.load })
  if (config.broker === undefined) return { connections, load, brokerPort: undefined, close }
  const { broker } = config
  // Loaded for those who have brokers only: its gRPC library takes as much memory as eighty idle programs.
  const { openBrokerApi } = await import('./broker/open-broker-api.ts')
  const brokerLog = parts.log.child({ component: 'broker' })
  const opening = openBrokerApi({ ...parts, ...context, log: brokerLog, config: broker, attestation, explain })
  const brokerApi = await opening.catch(async (error) => {
    await close()
    throw error
  })
  return {
    connections,
    load,
    brokerPort: brokerApi.port,
    async close() {
      await Promise.all([brokerApi.close(), close()])
    },
  }
}
