import { create } from '@bufbuild/protobuf'
import {
  type SubscribeToJWTBundlesRequest,
  SubscribeToJWTBundlesResponseSchema,
} from '@countersign/workload-api/broker'
import { jwtBundlesSnapshot } from '../workload-api/fetch-jwt-bundles.ts'
import type { BrokerContext } from './broker-context.ts'
import { handleSubscription } from './handle-subscription.ts'

/** `SubscribeToJWTBundles`: keys of JWT-SVIDs and no others. @see SPIFFE Broker API section 6.2.2 */
export function subscribeToJwtBundles(context: BrokerContext) {
  return handleSubscription<SubscribeToJWTBundlesRequest, typeof SubscribeToJWTBundlesResponseSchema>(context, {
    schema: SubscribeToJWTBundlesResponseSchema,
    async snapshot(caller) {
      const { message, freshUntil } = await jwtBundlesSnapshot(context, caller)
      const { bundles } = message
      return { message: create(SubscribeToJWTBundlesResponseSchema, { bundles }), freshUntil }
    },
  })
}
