import type { Clock, Logger } from '@countersign/plugin-kit'
import type { WorkloadAttestation } from '../attestation/workload-attestation.ts'
import type { BrokerConfig } from '../config/broker-config.ts'
import type { Issuer } from '../issuance/issuer.ts'
import { LimitedLogger } from '../limited-logger.ts'
import type { AgentIdentity } from '../state/agent-identity.ts'
import type { AgentState } from '../state/agent-state.ts'
import type { PushSchedule } from '../workload-api/push-schedule.ts'
import { BrokerAudit } from './broker-audit.ts'
import { BrokerEntrance } from './broker-entrance.ts'
import { BrokerGate } from './broker-gate.ts'
import { BrokerListener } from './broker-listener.ts'
import { type BrokerServer, createBrokerServer } from './broker-server.ts'
import { KeyedLimit } from './keyed-limit.ts'
import { ProcessTable } from './process-table.ts'
import { WorkloadResolver, type WorkloadResolverOptions } from './resolve-workload.ts'

export interface BrokerApiParts {
  readonly config: BrokerConfig
  readonly trustDomain: string
  /** The agent's own certificate of this moment. */
  readonly identity: () => AgentIdentity | undefined
  readonly state: AgentState
  readonly issuer: Issuer
  readonly pushes: PushSchedule
  /** Most identities one program is given. */
  readonly maxIdentities: number
  readonly attestation: WorkloadAttestation
  readonly explain: WorkloadResolverOptions['explain']
  readonly clock: Clock
  readonly log: Logger
}

export interface OpenBrokerApi {
  /** Where TCP listens, if it does. */
  readonly port: number | undefined
  close(): Promise<void>
}

/**
 * Serves the SPIFFE Broker API.
 *
 * @throws AgentError `ERR_AGENT_SOCKET_*`, `ERR_AGENT_BROKER_ADDRESS` when an address cannot be had
 */
export async function openBrokerApi(parts: BrokerApiParts): Promise<OpenBrokerApi> {
  const { config, state, clock, log } = parts
  const { policy, limits, socket, tcp } = config
  const entrance = new BrokerEntrance({ ...parts, serve: (connection) => server.serve(connection) })
  const audit = new BrokerAudit(clock, log)
  const gate = new BrokerGate({ policy, connectionOf: (key) => entrance.connection(key), state, clock, audit })
  const server: BrokerServer = createBrokerServer(
    {
      ...parts,
      log: new LimitedLogger(log, clock),
      gate,
      audit,
      processes: new ProcessTable(clock),
      workloads: new WorkloadResolver(parts),
      calls: new KeyedLimit({ total: Number.POSITIVE_INFINITY, perKey: limits.callsPerBroker }),
    },
    limits.callsPerBroker,
  )
  const tellHealth = () => server.health.setServing(state.view.status === 'ready')
  const stopTelling = state.subscribe(tellHealth)
  tellHealth()
  const end = () => {
    stopTelling()
    entrance.close()
    server.close()
  }
  try {
    const listener = await BrokerListener.open(config, (raw, remote) => entrance.accept(raw, remote))
    log.info({ socket: socket?.path, host: tcp?.host, port: listener.port }, 'broker API is open')
    return {
      port: listener.port,
      async close() {
        const closed = listener.close()
        end()
        await closed
      },
    }
  } catch (error) {
    end()
    throw error
  }
}
