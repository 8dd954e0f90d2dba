import { create } from '@bufbuild/protobuf'
import { type ClientOptions, credentials, Client as GrpcClient, Metadata, type MethodDefinition } from '@grpc/grpc-js'
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
const CHANNEL_OPTIONS: ClientOptions = {
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
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS

  const stream = <In, Out>(method: MethodDefinition<In, Out>, request: In, signal: AbortSignal | undefined) =>
    readStream(client, method, request, signal)
  const unary = <In, Out>(method: MethodDefinition<In, Out>, request: In, signal: AbortSignal | undefined) =>
    callUnary(client, method, request, signal, timeoutMs)

  return {
    address: formatEndpointAddress(address),
    fetchX509Svid: (signal) => stream(workloadApiMethods.fetchX509SVID, create(X509SVIDRequestSchema), signal),
    fetchX509Bundles: (signal) => stream(workloadApiMethods.fetchX509Bundles, create(X509BundlesRequestSchema), signal),
    fetchJwtSvid: ({ audience, spiffeId = '' }, signal) =>
      unary(
        workloadApiMethods.fetchJWTSVID,
        create(JWTSVIDRequestSchema, { audience: [...audience], spiffeId }),
        signal,
      ),
    fetchJwtBundles: (signal) => stream(workloadApiMethods.fetchJWTBundles, create(JWTBundlesRequestSchema), signal),
    validateJwtSvid: ({ audience, svid }, signal) =>
      unary(workloadApiMethods.validateJWTSVID, create(ValidateJWTSVIDRequestSchema, { audience, svid }), signal),
    fetchWitSvid: ({ spiffeId = '' } = {}, signal) =>
      stream(workloadApiMethods.fetchWITSVID, create(WITSVIDRequestSchema, { spiffeId }), signal),
    fetchWitBundles: (signal) => stream(workloadApiMethods.fetchWITBundles, create(WITBundlesRequestSchema), signal),
    close: () => client.close(),
  }
}

async function* readStream<In, Out>(
  client: GrpcClient,
  method: MethodDefinition<In, Out>,
  request: In,
  signal: AbortSignal | undefined,
): AsyncGenerator<Out, never, void> {
  rejectAborted(signal)
  const call = client.makeServerStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    request,
    securityMetadata(),
  )
  const cancel = () => call.cancel()
  signal?.addEventListener('abort', cancel, { once: true })
  try {
    for await (const message of call) yield message
  } catch (error) {
    throw withoutForeignCancel(toWorkloadApiError(error), signal)
  } finally {
    signal?.removeEventListener('abort', cancel)
    // A cancelled call still emits an error, which nobody reads once the loop was left.
    call.on('error', () => {})
    call.cancel()
  }
  throw new WorkloadApiError('ERR_WORKLOAD_API_DISCONNECTED', 'workload API ended the stream')
}

function callUnary<In, Out>(
  client: GrpcClient,
  method: MethodDefinition<In, Out>,
  request: In,
  signal: AbortSignal | undefined,
  timeoutMs: number,
): Promise<Out> {
  return new Promise((resolve, reject) => {
    rejectAborted(signal)
    const cancel = () => call.cancel()
    const call = client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      securityMetadata(),
      { deadline: Date.now() + timeoutMs },
      (error, response) => {
        signal?.removeEventListener('abort', cancel)
        if (error !== null) reject(withoutForeignCancel(toWorkloadApiError(error), signal))
        else if (response === undefined) reject(new WorkloadApiError('ERR_WORKLOAD_API_FAILED', 'empty answer'))
        else resolve(response)
      },
    )
    signal?.addEventListener('abort', cancel, { once: true })
  })
}

/**
 * An endpoint that shuts down cancels its calls. Only a cancel of our own means that nobody wants the answer any more;
 * the other is a lost connection, to be tried again.
 */
function withoutForeignCancel(error: unknown, signal: AbortSignal | undefined): unknown {
  const isCancel = error instanceof WorkloadApiError && error.code === 'ERR_WORKLOAD_API_CANCELLED'
  if (!isCancel || signal?.aborted === true) return error
  return new WorkloadApiError('ERR_WORKLOAD_API_DISCONNECTED', 'workload API cancelled the call', { cause: error })
}

function securityMetadata(): Metadata {
  const metadata = new Metadata()
  metadata.set(SECURITY_HEADER, SECURITY_HEADER_VALUE)
  return metadata
}

function rejectAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw new WorkloadApiError('ERR_WORKLOAD_API_CANCELLED', 'call to the workload API was cancelled')
  }
}
