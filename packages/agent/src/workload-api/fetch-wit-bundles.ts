import { create } from '@bufbuild/protobuf'
import { type WITBundlesRequest, WITBundlesResponseSchema } from '@countersign/workload-api/server'
import { handleStream } from './handle-stream.ts'
import type { ServiceContext } from './service-context.ts'
import { bundleKey, readyBundles } from './visible-bundles.ts'

/** `FetchWITBundles`: JWK Sets as text, with the keys of WIT-SVIDs and no others. @see SPIFFE Workload API section 7.2.2 */
export function fetchWitBundles(context: ServiceContext) {
  return handleStream<WITBundlesRequest, typeof WITBundlesResponseSchema>(context, {
    schema: WITBundlesResponseSchema,
    async snapshot(_request, caller) {
      const bundles = readyBundles(caller, context.trustDomain).map(
        (each) => [bundleKey(each), JSON.stringify({ keys: each.witAuthorities })] as const,
      )
      return {
        message: create(WITBundlesResponseSchema, { bundles: Object.fromEntries(bundles) }),
        freshUntil: caller.view.entries.nextExpiry(caller.entries),
      }
    },
  })
}
