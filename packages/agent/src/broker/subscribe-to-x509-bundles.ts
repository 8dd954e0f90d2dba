import { create } from '@bufbuild/protobuf'
import {
  type SubscribeToX509BundlesRequest,
  SubscribeToX509BundlesResponseSchema,
} from '@countersign/workload-api/broker'
import { x509BundlesSnapshot } from '../workload-api/fetch-x509-bundles.ts'
import type { BrokerContext } from './broker-context.ts'
import { handleSubscription } from './handle-subscription.ts'

/** `SubscribeToX509Bundles`. @see SPIFFE Broker API section 5.2.2 */
export function subscribeToX509Bundles(context: BrokerContext) {
  return handleSubscription<SubscribeToX509BundlesRequest, typeof SubscribeToX509BundlesResponseSchema>(context, {
    schema: SubscribeToX509BundlesResponseSchema,
    async snapshot(caller) {
      const { message, freshUntil } = await x509BundlesSnapshot(context, caller)
      const { crl, bundles } = message
      return { message: create(SubscribeToX509BundlesResponseSchema, { crl, bundles }), freshUntil }
    },
  })
}
