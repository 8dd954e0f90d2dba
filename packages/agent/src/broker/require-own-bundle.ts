import { unavailable } from '../workload-api/rpc-error.ts'

/**
 * A response without the own trust domain would tell the broker to stop trusting it.
 *
 * @throws RpcError UNAVAILABLE
 * @see SPIFFE Broker API sections 5.2.2 and 6.2.2
 */
export function requireOwnBundle(bundles: Readonly<Record<string, Uint8Array>>, trustDomain: string): void {
  if (bundles[`spiffe://${trustDomain}`] === undefined) throw unavailable('trust bundle is not available now')
}
