import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { WorkloadApiClient } from '@countersign/workload-api'
import type { Command } from 'commander'
import type { CommandContext } from '../command-context.ts'

export interface EndpointOptions {
  readonly socket?: string
}

/** Patience for the first message of a stream and for a call. */
const TIMEOUT_MS = 30_000

export function addSocketOption(command: Command): Command {
  return command.option('--socket <address>', 'Workload API: a socket path or unix:///… (env SPIFFE_ENDPOINT_SOCKET)')
}

/**
 * Opens the Workload API that the option or the environment names, and closes it when `use` is done.
 *
 * @throws EndpointError `ERR_ENDPOINT_*`, WorkloadApiError `ERR_WORKLOAD_API_*`
 */
export async function withWorkloadApi<T>(
  context: CommandContext,
  options: EndpointOptions,
  use: (client: WorkloadApiClient, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { connectWorkloadApi } = await context.modules.workloadApi()
  const client = connectWorkloadApi({
    address: options.socket === undefined ? undefined : endpointAddress(options.socket),
    environment: context.env,
    timeoutMs: TIMEOUT_MS,
  })
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), TIMEOUT_MS)
  try {
    return await use(client, abort.signal)
  } finally {
    clearTimeout(timer)
    client.close()
  }
}

/** The current state of a stream: its first message. Leaving the loop cancels the call. */
export async function firstMessage<T>(stream: AsyncIterable<T>): Promise<T> {
  for await (const message of stream) return message
  throw new TypeError('a stream of the Workload API never ends without an error')
}

/** A plain path becomes the address the standard asks for. */
export function endpointAddress(text: string): string {
  return text.includes('://') ? text : `unix://${pathToFileURL(resolve(text)).pathname}`
}
