import { create } from '@bufbuild/protobuf'
import { encodeUtf8 } from '@countersign/protocol'
import { type JWTBundlesRequest, JWTBundlesResponseSchema } from '@countersign/workload-api/server'
import { handleStream } from './handle-stream.ts'
import type { ServiceContext } from './service-context.ts'
import { bundleKey, readyBundles } from './visible-bundles.ts'

/** `FetchJWTBundles`: JWK Sets as bytes, with the keys of JWT-SVIDs and no others. @see SPIFFE Workload API section 6.2.2 */
export function fetchJwtBundles(context: ServiceContext) {
  return handleStream<JWTBundlesRequest, typeof JWTBundlesResponseSchema>(context, {
    schema: JWTBundlesResponseSchema,
    async snapshot(_request, caller) {
      const bundles = readyBundles(caller, context.trustDomain).map(
        (each) => [bundleKey(each), encodeUtf8(JSON.stringify({ keys: each.jwtAuthorities }))] as const,
      )
      return {
        message: create(JWTBundlesResponseSchema, { bundles: Object.fromEntries(bundles) }),
        freshUntil: caller.view.entries.nextExpiry(caller.entries),
      }
    },
  })
}
