import type { CommandContext } from '../command-context.ts'
import { type EndpointOptions, withWorkloadApi } from '../workload-api/endpoint-option.ts'

export interface TokenOptions extends EndpointOptions {
  readonly id?: string
}

/**
 * A JWT-SVID of this program, for one audience.
 *
 * @throws EndpointError `ERR_ENDPOINT_*`, WorkloadApiError `ERR_WORKLOAD_API_*`
 */
export async function fetchToken(context: CommandContext, options: TokenOptions, audience: string): Promise<string> {
  const { id } = options
  const request = { audience: [audience], ...(id === undefined ? {} : { spiffeId: id }) }
  const { svids } = await withWorkloadApi(context, options, (client, signal) => client.fetchJwtSvid(request, signal))
  const [first] = svids
  if (first === undefined) throw new TypeError('the Workload API answers with an identity or an error')
  return first.svid
}
