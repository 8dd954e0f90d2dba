import { decodeUtf8, WorkloadIdentityError } from '@countersign/protocol'
import { connectWorkloadApi } from '@countersign/workload-api'
import { followStream, type OnFailure } from './identity/follow-stream.ts'
import { readIdentities } from './identity/held-identity.ts'
import { onDemand } from './identity/on-demand.ts'
import { Readiness } from './identity/readiness.ts'
import { TokenTrust } from './identity/token-trust.ts'
import { DEFAULT_MAX_SIGNED_BODY_BYTES } from './presentation/signed-body.ts'
import type { Targets } from './presentation/target.ts'
import { SdkError } from './sdk-error.ts'
import { MutualTls } from './tls/mutual-tls.ts'
import { X509Source } from './tls/x509-source.ts'
import { Workload } from './workload.ts'
import { DEFAULT_RUNTIME, type WorkloadRuntime } from './workload-runtime.ts'

export interface ConnectOptions {
  /** Address of the Workload API, `unix:///path`; default `SPIFFE_ENDPOINT_SOCKET`. */
  readonly address?: string
  /** How long to wait for the first identity, in milliseconds; default 30 000. */
  readonly timeoutMs?: number
  /** Ends the wait, and later closes the workload. */
  readonly signal?: AbortSignal
  /** Fields besides `authorization` and `txn-token` that carry tokens: bound by each proof that goes with them. */
  readonly otherTokenFields?: readonly string[]
  /** How to prove what to whom: settings by base URL, or a function of the address. Without it, by proof tokens. */
  readonly targets?: Targets
  /** Largest content of a signed request or response, in bytes; default 4 MiB. It is held in memory. */
  readonly maxSignedBodyBytes?: number
  /**
   * Told of each failure: a stream that was lost or refused and is opened again after `retryMs`; or, without `retryMs`,
   * a message that could not be used, or a stream the agent will never offer. Default: a process warning about the first.
   */
  readonly onFailure?: OnFailure
  readonly runtime?: Partial<WorkloadRuntime>
}

const DEFAULT_TIMEOUT_MS = 30_000
/** How an agent says that it has certificates and no identity tokens. SPIFFE Workload API section 7 */
const WITHOUT_TOKENS = 'ERR_WORKLOAD_API_UNIMPLEMENTED'
/** Beyond this, `setTimeout` would fire at once. */
const MAX_TIMEOUT_MS = 2_147_483_647

/**
 * Gets this program its identity from the agent on this host, and keeps it current. Nothing has to be handed over: the
 * agent finds out by itself which program is asking.
 *
 * The open workload keeps the process alive: `close()` it, or declare it with `await using`.
 *
 * An agent that does not offer the WIT-SVID profile of the Workload API is enough for mutual TLS and for verifying bearer
 * tokens; whatever needs an identity token then throws `ERR_SDK_NO_TOKENS`.
 *
 * @returns a workload that holds at least one identity and the keys of every trust domain it may believe
 * @throws SdkError `ERR_SDK_NO_IDENTITY` when none came in time, or none can ever come; the message says what to do
 * @throws SdkError `ERR_SDK_CLOSED` when the signal ended the wait
 * @throws EndpointError `ERR_ENDPOINT_*` when the address is missing or malformed
 */
export async function connect(options: ConnectOptions = {}): Promise<Workload> {
  const client = connectWorkloadApi({ address: options.address })
  const runtime = { ...DEFAULT_RUNTIME, ...options.runtime }
  const stop = new AbortController()
  const trust = new TokenTrust('wit-svid')
  const jwtTrust = new TokenTrust('jwt-svid')
  const x509 = new X509Source(runtime)
  const mutualTls = new MutualTls(x509, runtime)
  const otherTokenFields = (options.otherTokenFields ?? []).map((name) => name.toLowerCase())
  const timeoutMs = Math.min(options.timeoutMs ?? DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS)
  const workload = new Workload(
    runtime,
    trust,
    {
      otherTokenFields,
      targets: options.targets,
      maxSignedBodyBytes: options.maxSignedBodyBytes ?? DEFAULT_MAX_SIGNED_BODY_BYTES,
    },
    {
      jwtTrust: async () => {
        await loadJwtTrust()
        return jwtTrust.store
      },
      mutualTls: async () => {
        await loadX509()
        return mutualTls
      },
      certificateId: () => x509.identity.id,
      jwtSvid: async (audience) => {
        const { svids } = await client.fetchJwtSvid({ audience }, stop.signal)
        const [svid] = svids
        if (svid === undefined) throw new SdkError('ERR_SDK_WORKLOAD_API', 'the agent delivered no JWT-SVID')
        return svid.svid
      },
    },
    () => {
      stop.abort()
      client.close()
      jwtTrust.clear()
      void mutualTls.close()
      x509.close()
    },
  )
  const readiness = new Readiness(
    () => workload.identities.length > 0 && trust.isLoaded,
    options.onFailure ?? warnOnce(workload),
    () => {
      workload.goWithoutTokens()
      return loadX509()
    },
  )
  const follow = { signal: stop.signal, schedule: runtime.schedule }
  const onFailure = (failure: unknown, retryMs: number | undefined) => options.onFailure?.(failure, retryMs)
  const loadJwtTrust = onDemand({
    ...follow,
    timeoutMs,
    onFailure,
    open: (signal) => client.fetchJwtBundles(signal),
    accept: ({ bundles }) => jwtTrust.replace(decodeBundles(bundles)),
    withdraw: () => jwtTrust.clear(),
  })
  const loadX509 = onDemand({
    ...follow,
    timeoutMs,
    onFailure,
    open: (signal) => client.fetchX509Svid(signal),
    accept: (message) => x509.accept(message),
    withdraw: () => x509.clear(),
  })

  const cancelTimeout = runtime.schedule(timeoutMs, () => readiness.expire())
  const abort = () => {
    readiness.cancel(new SdkError('ERR_SDK_CLOSED', 'the wait for an identity was cancelled'))
    workload.close()
  }
  if (options.signal?.aborted === true) abort()
  // Forgotten with the workload: one long-lived signal may see many of them.
  options.signal?.addEventListener('abort', abort, { once: true, signal: stop.signal })

  followStream({
    ...follow,
    open: (signal) => client.fetchWitSvid({}, signal),
    accept: ({ svids }) => {
      workload.replaceIdentities(readIdentities(svids, otherTokenFields))
      readiness.delivered('identity')
    },
    withdraw: () => workload.replaceIdentities([]),
    onFailure: (failure, retryMs) => readiness.failed('identity', failure, retryMs),
  })
  followStream({
    ...follow,
    open: (signal) => client.fetchWitBundles(signal),
    accept: ({ bundles }) => {
      trust.replace(bundles)
      readiness.delivered('trust')
    },
    withdraw: () => trust.clear(),
    onFailure: (failure, retryMs) => readiness.failed('trust', failure, retryMs),
  })
  try {
    await readiness.outcome
    return workload
  } catch (error) {
    workload.close()
    throw error
  } finally {
    cancelTimeout()
  }
}

/** Texts from bytes, as the Workload API has them for this kind of bundle. */
function decodeBundles(bundles: Readonly<Record<string, Uint8Array>>): Record<string, string> {
  return Object.fromEntries(Object.entries(bundles).map(([origin, bytes]) => [origin, decodeUtf8(bytes)]))
}

/** People see a program that seems to hang; the first reason is worth one line. */
function warnOnce(workload: Workload): OnFailure {
  let warned = false
  return (failure) => {
    if (warned) return
    warned = true
    const isRefused = failure instanceof WorkloadIdentityError
    const waiting =
      isRefused && failure.code === WITHOUT_TOKENS ? 'no identity tokens here' : 'still waiting for an identity'
    const state = workload.identities.length === 0 ? waiting : 'identity is not kept current'
    const reason = isRefused ? `${failure.message} (${failure.code})` : 'the agent did not answer'
    process.emitWarning(`${state}: ${reason}`, 'CountersignWarning')
  }
}
