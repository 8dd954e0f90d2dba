import type { BrokerApiClient, WorkloadReference } from '@countersign/workload-api/broker'
import type { Command } from 'commander'
import type { CommandContext } from '../command-context.ts'
import { parseIdentifier } from '../options/parse-identifier.ts'
import { parsePid } from '../options/parse-pid.ts'
import {
  addSocketOption,
  type EndpointOptions,
  endpointAddress,
  firstMessage,
  withWorkloadApi,
} from '../workload-api/endpoint-option.ts'

export interface BrokerOptions extends EndpointOptions {
  readonly pid: number
  readonly agentId: string
  readonly brokerSocket?: string
}

/** Patience for the first message of a stream and for a call. */
const TIMEOUT_MS = 30_000

export function addBrokerOptions(command: Command): Command {
  command
    .requiredOption('--pid <number>', 'the process to stand in for, on the host of the agent', parsePid)
    .requiredOption(
      '--agent-id <spiffe-id>',
      'whom the endpoint must prove: the SPIFFE ID of the agent',
      parseIdentifier,
    )
    .option('--broker-socket <address>', 'Broker API: a socket path, unix:///… or tcp://… (env SPIFFE_BROKER_SOCKET)')
  return addSocketOption(command)
}

/**
 * Opens the Broker API as the broker that this program is by its own Workload API, and closes it when `use` is done.
 *
 * @throws EndpointError `ERR_ENDPOINT_*`, WorkloadApiError `ERR_WORKLOAD_API_*`, BrokerApiError `ERR_BROKER_API_*`
 */
export async function withBrokerApi<T>(
  context: CommandContext,
  options: BrokerOptions,
  use: (client: BrokerApiClient, reference: WorkloadReference, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { connectBrokerApi, referToPid } = await context.modules.brokerApi()
  const identity = await withWorkloadApi(context, options, (client, signal) =>
    firstMessage(client.fetchX509Svid(signal)),
  )
  const client = connectBrokerApi({
    address: options.brokerSocket === undefined ? undefined : endpointAddress(options.brokerSocket),
    environment: context.env,
    identity,
    serverId: options.agentId,
    timeoutMs: TIMEOUT_MS,
  })
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), TIMEOUT_MS)
  try {
    return await use(client, referToPid(options.pid), abort.signal)
  } finally {
    clearTimeout(timer)
    client.close()
  }
}
