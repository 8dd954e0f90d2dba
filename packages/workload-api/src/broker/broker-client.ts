import { isIP } from 'node:net'
import { create } from '@bufbuild/protobuf'
import { WorkloadId } from '@countersign/protocol'
import { Client as GrpcClient, Metadata } from '@grpc/grpc-js'
import { formatEndpointAddress, formatGrpcTarget } from '../address.ts'
import { CHANNEL_OPTIONS } from '../client.ts'
import {
  FetchJWTSVIDRequestSchema,
  type FetchJWTSVIDResponse,
  SubscribeToJWTBundlesRequestSchema,
  type SubscribeToJWTBundlesResponse,
  SubscribeToX509BundlesRequestSchema,
  type SubscribeToX509BundlesResponse,
  SubscribeToX509SVIDRequestSchema,
  type SubscribeToX509SVIDResponse,
  type WorkloadReference,
} from '../gen/spiffe/broker/brokerapi_pb.ts'
import type { X509SVIDResponse } from '../gen/workloadapi_pb.ts'
import { GrpcCalls } from '../grpc-calls.ts'
import { BROKER_ENDPOINT_VARIABLE, parseBrokerAddress } from './broker-address.ts'
import { BrokerApiError, toBrokerApiError } from './broker-api-error.ts'
import { brokerCredentials } from './broker-credentials.ts'
import { BROKER_SECURITY_HEADER, BROKER_SECURITY_HEADER_VALUE, brokerApiMethods } from './service.ts'

/**
 * What a broker asks on behalf of a workload. Each stream message is the whole state of that workload and of no other; it
 * replaces the one before.
 */
export interface BrokerApiClient {
  /** The endpoint, as `SPIFFE_BROKER_SOCKET` would name it. */
  readonly address: string
  subscribeToX509Svid(reference: WorkloadReference, signal?: AbortSignal): AsyncIterable<SubscribeToX509SVIDResponse>
  subscribeToX509Bundles(
    reference: WorkloadReference,
    signal?: AbortSignal,
  ): AsyncIterable<SubscribeToX509BundlesResponse>
  fetchJwtSvid(
    request: { reference: WorkloadReference; audience: readonly string[]; spiffeId?: string },
    signal?: AbortSignal,
  ): Promise<FetchJWTSVIDResponse>
  subscribeToJwtBundles(
    reference: WorkloadReference,
    signal?: AbortSignal,
  ): AsyncIterable<SubscribeToJWTBundlesResponse>
  close(): void
}

export interface ConnectBrokerOptions {
  /** `unix:///absolute/path` or `tcp://<IP or DNS name>:<port>`; without it, the variable `SPIFFE_BROKER_SOCKET`. */
  readonly address?: string | undefined
  /** Where to look the variable up; the process environment unless given. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** The broker's own identity, as its Workload API gave it. Make another client when it is renewed. */
  readonly identity: X509SVIDResponse
  /** The SPIFFE ID of the endpoint: nobody else is spoken to. */
  readonly serverId: string
  /** Patience of `fetchJwtSvid` in milliseconds, default 30 000. */
  readonly timeoutMs?: number
  /** Epoch seconds. */
  readonly now?: () => number
}

const DEFAULT_TIMEOUT_MS = 30_000

/**
 * Opens a client of a Broker API endpoint. Connects on the first call, and again after a loss.
 *
 * Streams throw `BrokerApiError` when they end, for whatever reason. What was received for a workload must be dropped when
 * its stream ends with `ERR_BROKER_API_NOT_FOUND` or `ERR_BROKER_API_NOT_ENTITLED`.
 *
 * @throws EndpointError `ERR_ENDPOINT_*` when the address is missing or malformed
 * @throws IdentifierError `ERR_IDENTIFIER_*` when `serverId` is no identifier
 * @throws BrokerApiError `ERR_BROKER_API_IDENTITY` when the own identity cannot be used
 * @see SPIFFE Broker Endpoint sections 3 to 5; SPIFFE Broker API section 4
 */
export function connectBrokerApi(options: ConnectBrokerOptions): BrokerApiClient {
  const environment = options.environment ?? process.env
  const address = parseBrokerAddress(options.address ?? environment[BROKER_ENDPOINT_VARIABLE])
  const now = options.now ?? (() => Math.floor(Date.now() / 1000))
  const credentials = brokerCredentials(options.identity, WorkloadId.parse(options.serverId), now)
  // TLS has names for DNS names only, and the endpoint is not judged by it.
  const isNamed = address.kind === 'tcp' && isIP(address.host) === 0
  const client = new GrpcClient(formatGrpcTarget(address), credentials, {
    ...CHANNEL_OPTIONS,
    'grpc.ssl_target_name_override': isNamed ? address.host : 'localhost',
  })
  const calls = new GrpcCalls(client, {
    metadata: securityMetadata,
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    toError: toBrokerApiError,
    failure: (failure, message, cause) =>
      new BrokerApiError(`ERR_BROKER_API_${failure}`, `broker API ${message}`, cause),
    isCancel: (error) => error instanceof BrokerApiError && error.code === 'ERR_BROKER_API_CANCELLED',
  })
  const { subscribeToX509SVID, subscribeToX509Bundles, fetchJWTSVID, subscribeToJWTBundles } = brokerApiMethods

  return {
    address: formatEndpointAddress(address),
    subscribeToX509Svid: (reference, signal) =>
      calls.stream(subscribeToX509SVID, create(SubscribeToX509SVIDRequestSchema, { reference }), signal),
    subscribeToX509Bundles: (reference, signal) =>
      calls.stream(subscribeToX509Bundles, create(SubscribeToX509BundlesRequestSchema, { reference }), signal),
    fetchJwtSvid: ({ reference, audience, spiffeId = '' }, signal) =>
      calls.unary(
        fetchJWTSVID,
        create(FetchJWTSVIDRequestSchema, { reference, audience: [...audience], spiffeId }),
        signal,
      ),
    subscribeToJwtBundles: (reference, signal) =>
      calls.stream(subscribeToJWTBundles, create(SubscribeToJWTBundlesRequestSchema, { reference }), signal),
    close: () => client.close(),
  }
}

function securityMetadata(): Metadata {
  const metadata = new Metadata()
  metadata.set(BROKER_SECURITY_HEADER, BROKER_SECURITY_HEADER_VALUE)
  return metadata
}
