import { create } from '@bufbuild/protobuf'
import {
  type FetchJWTSVIDRequest,
  type FetchJWTSVIDResponse,
  FetchJWTSVIDResponseSchema,
} from '@countersign/workload-api/broker'
import type { HandleUnary, Received } from '@countersign/workload-api/server'
import type { Caller } from '../workload-api/caller.ts'
import { answerJwtSvid, validateJwtSvidRequest } from '../workload-api/fetch-jwt-svid.ts'
import { BrokerCall } from './broker-call.ts'
import type { BrokerContext } from './broker-context.ts'
import { workloadNotEntitled } from './workload-rpc-error.ts'

/** `FetchJWTSVID`: one token for each identity of the workload that the broker may have. @see SPIFFE Broker API section 6.2.1 */
export function fetchJwtSvid(context: BrokerContext): HandleUnary<Received<FetchJWTSVIDRequest>, FetchJWTSVIDResponse> {
  return (unary, callback) => {
    const call = new BrokerCall<FetchJWTSVIDRequest>(context, unary.getPath(), unary.getHost())
    answer(context, call, unary.request)
      .then(
        (response) => callback(null, response),
        (error) => callback(call.refuse(error)),
      )
      .finally(() => call.release())
  }
}

async function answer(
  context: BrokerContext,
  call: BrokerCall<FetchJWTSVIDRequest>,
  received: Received<FetchJWTSVIDRequest>,
): Promise<FetchJWTSVIDResponse> {
  const request = call.begin(received, validateJwtSvidRequest, () => {})
  const workload = await call.resolve()
  const caller = onlyRequested(workload.caller, request.spiffeId)
  const { svids } = await answerJwtSvid(context, request, caller)
  call.giving(caller)
  return create(FetchJWTSVIDResponseSchema, {
    svids: svids.map(({ spiffeId, svid, hint }) => ({ spiffeId, svid, hint })),
  })
}

function onlyRequested(caller: Caller, requested: string): Caller {
  if (requested === '') return caller
  const entries = caller.entries.filter(({ spiffeId }) => spiffeId === requested)
  // Not a list without it, which would look like success.
  if (entries.length === 0) {
    caller.explainRefusal(requested)
    throw workloadNotEntitled()
  }
  return { ...caller, entries }
}
