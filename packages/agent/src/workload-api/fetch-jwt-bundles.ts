import { create } from '@bufbuild/protobuf'
import { encodeUtf8 } from '@countersign/protocol'
import {
  type JWTBundlesRequest,
  type JWTBundlesResponse,
  JWTBundlesResponseSchema,
} from '@countersign/workload-api/server'
import type { Caller } from './caller.ts'
import { handleStream } from './handle-stream.ts'
import type { AnswerContext, ServiceContext } from './service-context.ts'
import type { Snapshot } from './snapshot-stream.ts'
import { bundleKey, readyBundles } from './visible-bundles.ts'

/** `FetchJWTBundles`: JWK Sets as bytes, with the keys of JWT-SVIDs and no others. @see SPIFFE Workload API section 6.2.2 */
export function fetchJwtBundles(context: ServiceContext) {
  return handleStream<JWTBundlesRequest, typeof JWTBundlesResponseSchema>(context, {
    schema: JWTBundlesResponseSchema,
    snapshot: (_request, caller) => jwtBundlesSnapshot(context, caller),
  })
}

/** The keys of JWT-SVIDs that one program trusts. */
export async function jwtBundlesSnapshot(
  { trustDomain }: AnswerContext,
  caller: Caller,
): Promise<Snapshot<JWTBundlesResponse>> {
  const bundles = readyBundles(caller, trustDomain).map(
    (each) => [bundleKey(each), encodeUtf8(JSON.stringify({ keys: each.jwtAuthorities }))] as const,
  )
  return {
    message: create(JWTBundlesResponseSchema, { bundles: Object.fromEntries(bundles) }),
    freshUntil: caller.view.entries.nextExpiry(caller.entries),
  }
}
