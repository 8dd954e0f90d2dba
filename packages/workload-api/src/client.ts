import { create } from '@bufbuild/protobuf'
import { type ClientOptions, credentials, Client as GrpcClient, Metadata } from '@grpc/grpc-js'
import { ENDPOINT_VARIABLE, formatEndpointAddress, formatGrpcTarget, parseEndpointAddress } from './address.ts'
import {
  JWTBundlesRequestSchema,
  type JWTBundlesResponse,
  JWTSVIDRequestSchema,
  type JWTSVIDResponse,
  ValidateJWTSVIDRequestSchema,
  type ValidateJWTSVIDResponse,
  WITBundlesRequestSchema,
  type WITBundlesResponse,
  WITSVIDRequestSchema,
  type WITSVIDResponse,
  X509BundlesRequestSchema,
  type X509BundlesResponse,
  X509SVIDRequestSchema,
  type X509SVIDResponse,
} from './gen/workloadapi_pb.ts'
import { GrpcCalls } from './grpc-calls.ts'
import { SECURITY_HEADER, SECURITY_HEADER_VALUE, workloadApiMethods } from './service.ts'
import { toWorkloadApiError, WorkloadApiError } from './workload-api-error.ts'

/** What a program asks its Workload API. Each stream message is the whole state and replaces the one before. */
export interface WorkloadApiClient {
  /** The endpoint, as `SPIFFE_ENDPOINT_SOCKET` would name it. */
  readonly address: string
  fetchX509Svid(signal?: AbortSignal): AsyncIterable<X509SVIDResponse>
  fetchX509Bundles(signal?: AbortSignal): AsyncIterable<X509BundlesResponse>
  fetchJwtSvid(
    request: { audience: readonly string[]; spiffeId?: string },
    signal?: AbortSignal,
  ): Promise<JWTSVIDResponse>
  fetchJwtBundles(signal?: AbortSignal): AsyncIterable<JWTBundlesResponse>
  validateJwtSvid(request: { audience: string; svid: string }, signal?: AbortSignal): Promise<ValidateJWTSVIDResponse>
  fetchWitSvid(request?: { spiffeId?: string }, signal?: AbortSignal): AsyncIterable<WITSVIDResponse>
  fetchWitBundles(signal?: AbortSignal): AsyncIterable<WITBundlesResponse>
  close(): void
}

export interface ConnectOptions {
  /** `unix:///absolute/path` or `tcp://<IP>:<port>`; without it, the variable `SPIFFE_ENDPOINT_SOCKET`. */
  readonly address?: string | undefined
  /** Where to look the variable up; the process environment unless given. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Patience of the two unary calls in milliseconds, default 30 000. */
  readonly timeoutMs?: number
}

const DEFAULT_TIMEOUT_MS = 30_000

/** Reconnecting is paced by the caller of a stream (see `watch`), so the channel itself must be quick to try again. */
export const CHANNEL_OPTIONS: ClientOptions = {
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.min_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.default_authority': 'localhost',
  'grpc.enable_http_proxy': 0,
  'grpc.enable_channelz': 0,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
}

/**
 * Opens a client of a Workload API endpoint. Connects on the first call, and again after a loss.
 *
 * Streams throw `WorkloadApiError` when they end, for whatever reason: an endpoint never ends one on purpose.
 * Leaving the loop, or aborting the signal, cancels the call.
 *
 * @throws EndpointError `ERR_ENDPOINT_*` when the address is missing or malformed
 * @see SPIFFE Workload Endpoint sections 3 and 4
 */
export function connectWorkloadApi(options: ConnectOptions = {}): WorkloadApiClient {
  const environment = options.environment ?? process.env
  const address = parseEndpointAddress(options.address ?? environment[ENDPOINT_VARIABLE])
  const client = new GrpcClient(formatGrpcTarget(address), credentials.createInsecure(), CHANNEL_OPTIONS)
  const calls = new GrpcCalls(client, {
    metadata: securityMetadata,
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    toError: toWorkloadApiError,
    failure: (failure, message, cause) =>
      new WorkloadApiError(`ERR_WORKLOAD_API_${failure}`, `workload API ${message}`, cause),
    isCancel: (error) => error instanceof WorkloadApiError && error.code === 'ERR_WORKLOAD_API_CANCELLED',
  })

  return {
    address: formatEndpointAddress(address),
    fetchX509Svid: (signal) => calls.stream(workloadApiMethods.fetchX509SVID, create(X509SVIDRequestSchema), signal),
    fetchX509Bundles: (signal) =>
      calls.stream(workloadApiMethods.fetchX509Bundles, create(X509BundlesRequestSchema), signal),
    fetchJwtSvid: ({ audience, spiffeId = '' }, signal) =>
      calls.unary(
        workloadApiMethods.fetchJWTSVID,
        create(JWTSVIDRequestSchema, { audience: [...audience], spiffeId }),
        signal,
      ),
    fetchJwtBundles: (signal) =>
      calls.stream(workloadApiMethods.fetchJWTBundles, create(JWTBundlesRequestSchema), signal),
    validateJwtSvid: ({ audience, svid }, signal) =>
      calls.unary(workloadApiMethods.validateJWTSVID, create(ValidateJWTSVIDRequestSchema, { audience, svid }), signal),
    fetchWitSvid: ({ spiffeId = '' } = {}, signal) =>
      calls.stream(workloadApiMethods.fetchWITSVID, create(WITSVIDRequestSchema, { spiffeId }), signal),
    fetchWitBundles: (signal) =>
      calls.stream(workloadApiMethods.fetchWITBundles, create(WITBundlesRequestSchema), signal),
    close: () => client.close(),
  }
}

function securityMetadata(): Metadata {
  const metadata = new Metadata()
  metadata.set(SECURITY_HEADER, SECURITY_HEADER_VALUE)
  return metadata
}
