import { create } from '@bufbuild/protobuf'
import {
  type X509SVIDRequest,
  type X509SVIDResponse,
  X509SVIDResponseSchema,
  X509SVIDSchema,
} from '@countersign/workload-api'
import type { Caller } from './caller.ts'
import { handleStream, type Snapshot } from './handle-stream.ts'
import { assignHints } from './hints.ts'
import { issueForEntries } from './issue-for-entries.ts'
import { unavailable } from './rpc-error.ts'
import type { AnswerContext, ServiceContext } from './service-context.ts'
import { bundleKey, concatenateDer, federatedBundles } from './visible-bundles.ts'

/** `FetchX509SVID`. @see SPIFFE Workload API section 5.2.1 */
export function fetchX509Svid(context: ServiceContext) {
  return handleStream<X509SVIDRequest, typeof X509SVIDResponseSchema>(context, {
    schema: X509SVIDResponseSchema,
    snapshot: (_request, caller) => x509SvidSnapshot(context, caller),
  })
}

/** The X.509 identities of one program, and whom it trusts. */
export async function x509SvidSnapshot(context: AnswerContext, caller: Caller): Promise<Snapshot<X509SVIDResponse>> {
  const { issuer, trustDomain, log } = context
  const { issued, freshUntil } = await issueForEntries(context, caller.entries, (entry) => issuer.x509Svid(entry))
  const own = caller.view.bundles.get(trustDomain)
  // Clients refuse a whole response over one empty bundle.
  if (own === undefined || own.x509Authorities.length === 0) throw unavailable('trust bundle is not available now')
  const bundle = concatenateDer(own.x509Authorities)
  const hints = assignHints(caller.entries, log)
  const federated = federatedBundles(caller, trustDomain).filter((each) => each.x509Authorities.length > 0)
  const message = create(X509SVIDResponseSchema, {
    svids: issued.map(({ entry, credential }) =>
      create(X509SVIDSchema, {
        spiffeId: credential.spiffeId,
        x509Svid: concatenateDer(credential.chain),
        x509SvidKey: credential.key.exportPkcs8(),
        bundle,
        hint: hints.get(entry.id) ?? '',
      }),
    ),
    federatedBundles: Object.fromEntries(
      federated.map((each) => [bundleKey(each), concatenateDer(each.x509Authorities)]),
    ),
  })
  return { message, freshUntil }
}
