import { createSecureContext } from 'node:tls'
import type { WorkloadId } from '@countersign/protocol'
import { type ChannelCredentials, credentials } from '@grpc/grpc-js'
import { mutualTlsSettings, type X509Identity } from '../mutual-tls.ts'
import { BrokerApiError } from './broker-api-error.ts'

/**
 * Mutual TLS with the broker's own X509-SVID, to an endpoint that has to prove one exact identity.
 *
 * @param identity what the broker's Workload API gave it; its first SVID is shown
 * @param server whom the endpoint must prove
 * @param now epoch seconds
 * @throws BrokerApiError `ERR_BROKER_API_IDENTITY` when the identity cannot be used, or trusts nobody in `server`'s domain
 * @see SPIFFE Broker Endpoint section 5
 */
export function brokerCredentials(identity: X509Identity, server: WorkloadId, now: () => number): ChannelCredentials {
  try {
    const { context, checkServerIdentity } = mutualTlsSettings(identity, server, now)
    return credentials.createFromSecureContext(createSecureContext(context), {
      checkServerIdentity,
      rejectUnauthorized: true,
    })
  } catch (cause) {
    throw new BrokerApiError('ERR_BROKER_API_IDENTITY', 'the own X.509 identity cannot be used for the broker API', {
      detail: cause instanceof TypeError ? cause.message : 'unusable certificate or key',
    })
  }
}
