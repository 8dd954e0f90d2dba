import type { Clock } from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'
import { BROKER_SECURITY_HEADER, BROKER_SECURITY_HEADER_VALUE } from '@countersign/workload-api/broker'
import { type Metadata, ServerInterceptingCall, type ServerInterceptor, type status } from '@grpc/grpc-js'
import type { AgentState } from '../state/agent-state.ts'
import { invalidArgument, permissionDenied, RpcError } from '../workload-api/rpc-error.ts'
import type { BrokerAudit } from './broker-audit.ts'
import type { BrokerConnection } from './broker-connection.ts'
import type { BrokerGrant, BrokerPolicy } from './broker-policy.ts'
import { unauthenticated } from './workload-rpc-error.ts'

export interface BrokerGateOptions {
  readonly policy: BrokerPolicy
  readonly connectionOf: (key: string) => BrokerConnection | undefined
  readonly state: AgentState
  readonly clock: Clock
  readonly audit: BrokerAudit
}

/** A broker that may call, and what it may ask for. */
export interface AdmittedBroker {
  readonly connection: BrokerConnection
  readonly grant: BrokerGrant
}

/** What every call has to pass before anything of its message is read: who calls, on purpose, and as a broker. */
export class BrokerGate {
  readonly #options: BrokerGateOptions

  constructor(options: BrokerGateOptions) {
    this.#options = options
  }

  /**
   * The broker behind a connection, as of now.
   *
   * @throws RpcError UNAUTHENTICATED when it no longer proves who it is
   * @throws RpcError PERMISSION_DENIED when it is no broker
   */
  admit(connectionKey: string): AdmittedBroker {
    const connection = this.#authenticate(connectionKey)
    return { connection, grant: this.#authorize(connection) }
  }

  /** In front of every service of the endpoint, health and reflection included. @see SPIFFE Broker Endpoint section 3 */
  readonly interceptor: ServerInterceptor = ({ path }, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, pass) => {
            try {
              this.#check(call.getHost(), metadata)
            } catch (error) {
              const refusal = error instanceof RpcError ? error : unauthenticated('the call cannot be judged')
              this.#options.audit.refused(path, this.#options.connectionOf(call.getHost()), refusal, errorCode(error))
              call.sendStatus({ code: refusal.code as status, details: refusal.details })
              return
            }
            pass(metadata)
          },
        }),
    })

  #check(connectionKey: string, metadata: Metadata): void {
    const connection = this.#authenticate(connectionKey)
    requireSecurityHeader(metadata)
    this.#authorize(connection)
  }

  #authenticate(connectionKey: string): BrokerConnection {
    const { connectionOf, state, clock } = this.#options
    const connection = connectionOf(connectionKey)
    if (connection === undefined) throw unauthenticated('the connection is closed')
    const reason = connection.reasonNotToTrust(state.view, clock.now())
    if (reason !== undefined) throw unauthenticated('the certificate of the connection does not count any more')
    return connection
  }

  #authorize({ id }: BrokerConnection): BrokerGrant {
    const grant = this.#options.policy.grantOf(id)
    if (grant === undefined) throw permissionDenied('not a broker')
    return grant
  }
}

function requireSecurityHeader(metadata: Metadata): void {
  const values = metadata.get(BROKER_SECURITY_HEADER)
  if (values.length === 1 && values[0] === BROKER_SECURITY_HEADER_VALUE) return
  throw invalidArgument(
    `security header missing: send metadata ${BROKER_SECURITY_HEADER}: ${BROKER_SECURITY_HEADER_VALUE}`,
  )
}
