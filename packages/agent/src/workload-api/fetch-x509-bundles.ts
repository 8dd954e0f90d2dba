import { create } from '@bufbuild/protobuf'
import {
  type X509BundlesRequest,
  type X509BundlesResponse,
  X509BundlesResponseSchema,
} from '@countersign/workload-api/server'
import type { Caller } from './caller.ts'
import { handleStream } from './handle-stream.ts'
import type { AnswerContext, ServiceContext } from './service-context.ts'
import type { Snapshot } from './snapshot-stream.ts'
import { bundleKey, concatenateDer, readyX509Bundles } from './visible-bundles.ts'

/** `FetchX509Bundles`. @see SPIFFE Workload API section 5.2.2 */
export function fetchX509Bundles(context: ServiceContext) {
  return handleStream<X509BundlesRequest, typeof X509BundlesResponseSchema>(context, {
    schema: X509BundlesResponseSchema,
    snapshot: (_request, caller) => x509BundlesSnapshot(context, caller),
  })
}

/** The X.509 roots that one program trusts. */
export async function x509BundlesSnapshot(
  { trustDomain }: AnswerContext,
  caller: Caller,
): Promise<Snapshot<X509BundlesResponse>> {
  const visible = readyX509Bundles(caller, trustDomain)
  const bundles = visible.map((each) => [bundleKey(each), concatenateDer(each.x509Authorities)] as const)
  return {
    message: create(X509BundlesResponseSchema, { bundles: Object.fromEntries(bundles), crl: [...caller.view.crls] }),
    freshUntil: caller.view.entries.nextExpiry(caller.entries),
  }
}
