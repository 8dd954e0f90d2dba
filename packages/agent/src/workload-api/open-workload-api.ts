import type { Clock, Logger, PluginContext } from '@countersign/plugin-kit'
import { WorkloadAttestation } from '../attestation/workload-attestation.ts'
import type { AgentConfig } from '../config/agent-config.ts'
import { NoIdentityLog } from '../explain/explain-no-identity.ts'
import type { Issuer } from '../issuance/issuer.ts'
import { LimitedLogger } from '../limited-logger.ts'
import { MemoryRelease } from '../memory-release.ts'
import { ConnectionCounter } from '../socket/connection-limits.ts'
import { Listener } from '../socket/listener.ts'
import type { AgentIdentity } from '../state/agent-identity.ts'
import type { AgentState } from '../state/agent-state.ts'
import { HealthTeller } from '../telemetry/health-teller.ts'
import type { AgentObservation } from '../telemetry/observation.ts'
import { CallerResolver } from './caller.ts'
import { PushSchedule } from './push-schedule.ts'
import { createWorkloadApiServer } from './workload-api-server.ts'

export interface WorkloadApiParts {
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

/** Opens the socket of the Workload API, and the Broker API where it is configured. */
export async function openWorkloadApi(config: AgentConfig, parts: WorkloadApiParts) {
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
  if (config.broker === undefined) return { connections, load, pushes, brokerPort: undefined, close }
  const { broker } = config
  // Loaded for those who have brokers only: its gRPC library takes as much memory as eighty idle programs.
  const { openBrokerApi } = await import('../broker/open-broker-api.ts')
  const brokerLog = parts.log.child({ component: 'broker' })
  const opening = openBrokerApi({ ...parts, ...context, log: brokerLog, config: broker, attestation, explain })
  const brokerApi = await opening.catch(async (error) => {
    await close()
    throw error
  })
  return {
    connections,
    load,
    pushes,
    brokerPort: brokerApi.port,
    async close() {
      await Promise.all([brokerApi.close(), close()])
    },
  }
}
