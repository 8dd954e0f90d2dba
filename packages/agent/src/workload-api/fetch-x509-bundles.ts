import { create } from '@bufbuild/protobuf'
import { type X509BundlesRequest, X509BundlesResponseSchema } from '@countersign/workload-api/server'
import { handleStream } from './handle-stream.ts'
import type { ServiceContext } from './service-context.ts'
import { bundleKey, concatenateDer, readyX509Bundles } from './visible-bundles.ts'

/** `FetchX509Bundles`. @see SPIFFE Workload API section 5.2.2 */
export function fetchX509Bundles(context: ServiceContext) {
  return handleStream<X509BundlesRequest, typeof X509BundlesResponseSchema>(context, {
    schema: X509BundlesResponseSchema,
    async snapshot(_request, caller) {
      const bundles = readyX509Bundles(caller, context.trustDomain).map(
        (each) => [bundleKey(each), concatenateDer(each.x509Authorities)] as const,
      )
      return {
        message: create(X509BundlesResponseSchema, { bundles: Object.fromEntries(bundles) }),
        freshUntil: caller.view.entries.nextExpiry(caller.entries),
      }
    },
  })
}
