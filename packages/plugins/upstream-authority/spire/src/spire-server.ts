import { isIP } from 'node:net'
import { createSecureContext } from 'node:tls'
import type { Clock } from '@countersign/plugin-kit'
import { errorCode, WorkloadId } from '@countersign/protocol'
import {
  defineGrpcMethods,
  type GrpcMethod,
  mutualTlsSettings,
  OwnIdentity,
  type X509Identity,
} from '@countersign/workload-api'
import { Client, credentials } from '@grpc/grpc-js'
import { Bundle } from './gen/spire/api/server/bundle/v1/bundle_pb.ts'
import { SVID } from './gen/spire/api/server/svid/v1/svid_pb.ts'
import { failure } from './spire-failure.ts'

export interface SpireServerOptions {
  /** `host:port`. */
  readonly serverAddress: string
  /** Of the Workload API of the SPIRE agent on this host. */
  readonly workloadApi: string
  readonly spiffeId?: string | undefined
  readonly clock: Clock
}

export const svidMethods = defineGrpcMethods(SVID)
export const bundleMethods = defineGrpcMethods(Bundle)

const TIMEOUT_MS = 10_000
const SERVER_PATH = '/spire/server'
/** A bundle of many roots and keys. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024

/** A SPIRE server: spoken to by its own identity in the trust domain, with what its agent gave this server. */
export class SpireServer {
  readonly #options: SpireServerOptions
  readonly #identity: OwnIdentity

  /** @throws EndpointError for an address of a Workload API that is none */
  constructor(options: SpireServerOptions) {
    const { workloadApi: address, spiffeId, clock } = options
    this.#options = options
    this.#identity = new OwnIdentity({ address, spiffeId, schedule: (delayMs, run) => clock.schedule(delayMs, run) })
  }

  /**
   * One call, on a connection of its own: there are few, and the identity changes.
   *
   * @throws UpstreamAuthorityError `ERR_UPSTREAM_AUTHORITY_IDENTITY`; whatever gRPC throws
   */
  async call<In, Out>(method: GrpcMethod<In, Out>, request: In): Promise<{ answer: Out; trustDomain: string }> {
    const own = await this.#identity.read().catch((cause: unknown) => {
      const message = 'workload API of the SPIRE agent gives this server no identity: is there an entry for it?'
      throw failure('IDENTITY', message, errorCode(cause) ?? 'unexpected error')
    })
    const { trustDomain } = WorkloadId.parse(own.svids[0]?.spiffeId ?? '')
    const client = this.#connect(own, trustDomain)
    try {
      return { answer: await this.#unary(client, method, request), trustDomain }
    } finally {
      client.close()
    }
  }

  close(): void {
    this.#identity.close()
  }

  #connect(own: X509Identity, trustDomain: string): Client {
    const { serverAddress, clock } = this.#options
    const server = WorkloadId.parse(`spiffe://${trustDomain}${SERVER_PATH}`)
    try {
      const { context, checkServerIdentity } = mutualTlsSettings(own, server, () => clock.now())
      const secure = credentials.createFromSecureContext(createSecureContext(context), {
        checkServerIdentity,
        rejectUnauthorized: true,
      })
      const host = serverAddress.replace(/:\d+$/, '')
      return new Client(serverAddress, secure, {
        'grpc.enable_http_proxy': 0,
        'grpc.enable_retries': 0,
        'grpc.service_config_disable_resolution': 1,
        'grpc.use_local_subchannel_pool': 1,
        'grpc.max_receive_message_length': MAX_ANSWER_BYTES,
        // TLS has names for DNS names only, and the server is not judged by it.
        'grpc.ssl_target_name_override': isIP(host.replace(/^\[|\]$/g, '')) === 0 ? host : 'localhost',
      })
    } catch (cause) {
      const reason = cause instanceof TypeError ? cause.message : 'unusable certificate or key'
      throw failure('IDENTITY', 'identity that the SPIRE agent gave this server cannot be used', reason)
    }
  }

  #unary<In, Out>(client: Client, method: GrpcMethod<In, Out>, request: In): Promise<Out> {
    const { path, requestSerialize, responseDeserialize } = method
    return new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + TIMEOUT_MS }
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, options, (error, answer) => {
        if (error !== null) reject(error)
        else if (answer === undefined) reject(failure('ANSWER', 'SPIRE server gave an empty answer', path))
        else resolve(answer)
      })
    })
  }
}
