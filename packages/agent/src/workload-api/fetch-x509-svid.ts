import { create } from '@bufbuild/protobuf'
import {
  type X509SVIDRequest,
  type X509SVIDResponse,
  X509SVIDResponseSchema,
  X509SVIDSchema,
} from '@countersign/workload-api/server'
import type { Caller } from './caller.ts'
import { handleStream } from './handle-stream.ts'
import { assignHints } from './hints.ts'
import { issueForEntries } from './issue-for-entries.ts'
import { byteSize, keepWhatFits } from './response-limit.ts'
import type { AnswerContext, ServiceContext } from './service-context.ts'
import type { Snapshot } from './snapshot-stream.ts'
import { bundleKey, concatenateDer, readyX509Bundles } from './visible-bundles.ts'

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
  const [own, ...others] = readyX509Bundles(caller, trustDomain)
  const bundle = concatenateDer(own.x509Authorities)
  const federated = others.map((each) => [bundleKey(each), concatenateDer(each.x509Authorities)] as const)
  const crl = [...caller.view.crls]
  const hints = assignHints(caller.entries, log)
  const svids = issued.map(({ entry, credential }) =>
    create(X509SVIDSchema, {
      spiffeId: credential.spiffeId,
      x509Svid: concatenateDer(credential.chain),
      x509SvidKey: credential.key.exportPkcs8(),
      bundle,
      hint: hints.get(entry.id) ?? '',
    }),
  )
  const message = create(X509SVIDResponseSchema, {
    svids: keepWhatFits(svids, byteSize(federated) + byteSize(crl), context),
    crl,
    federatedBundles: Object.fromEntries(federated),
  })
  return { message, freshUntil }
}
