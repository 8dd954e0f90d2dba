import { create } from '@bufbuild/protobuf'
import { type WITSVIDRequest, WITSVIDResponseSchema, WITSVIDSchema } from '@countersign/workload-api/server'
import { formatPrivateJwk } from '../issuance/issuer.ts'
import { handleStream } from './handle-stream.ts'
import { assignHints } from './hints.ts'
import { issueForEntries } from './issue-for-entries.ts'
import { selectEntries, validateRequestedIdentity } from './requested-identity.ts'
import { keepWhatFits } from './response-limit.ts'
import type { ServiceContext } from './service-context.ts'

/** `FetchWITSVID`. @see SPIFFE Workload API section 7.2.1 */
export function fetchWitSvid(context: ServiceContext) {
  const { issuer, log } = context
  return handleStream<WITSVIDRequest, typeof WITSVIDResponseSchema>(context, {
    schema: WITSVIDResponseSchema,
    validate: (request) => validateRequestedIdentity(request.spiffeId),
    async snapshot(request, caller) {
      const entries = selectEntries(caller, request.spiffeId)
      const { issued, freshUntil } = await issueForEntries(context, entries, (entry) => issuer.witSvid(entry))
      const hints = assignHints(entries, log)
      const svids = issued.map(({ entry, credential }) =>
        create(WITSVIDSchema, {
          spiffeId: credential.spiffeId,
          witSvid: credential.token,
          witSvidKey: formatPrivateJwk(credential.key),
          hint: hints.get(entry.id) ?? '',
        }),
      )
      return { message: create(WITSVIDResponseSchema, { svids: keepWhatFits(svids, 0, context) }), freshUntil }
    },
  })
}
