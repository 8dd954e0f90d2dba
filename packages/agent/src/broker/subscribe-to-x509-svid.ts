import { create } from '@bufbuild/protobuf'
import { type SubscribeToX509SVIDRequest, SubscribeToX509SVIDResponseSchema } from '@countersign/workload-api/broker'
import { x509SvidSnapshot } from '../workload-api/fetch-x509-svid.ts'
import type { BrokerContext } from './broker-context.ts'
import { handleSubscription } from './handle-subscription.ts'

/** `SubscribeToX509SVID`. @see SPIFFE Broker API section 5.2.1 */
export function subscribeToX509Svid(context: BrokerContext) {
  return handleSubscription<SubscribeToX509SVIDRequest, typeof SubscribeToX509SVIDResponseSchema>(context, {
    schema: SubscribeToX509SVIDResponseSchema,
    async snapshot(caller) {
      const { message, freshUntil } = await x509SvidSnapshot(context, caller)
      const svids = message.svids.map(({ spiffeId, x509Svid, x509SvidKey, bundle, hint }) => ({
        spiffeId,
        x509Svid,
        x509SvidKey,
        bundle,
        hint,
      }))
      const { crl, federatedBundles } = message
      return { message: create(SubscribeToX509SVIDResponseSchema, { svids, crl, federatedBundles }), freshUntil }
    },
  })
}
