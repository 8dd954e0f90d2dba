import { type CertificateError, errorCode, verifyWic, type WorkloadId } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { FederationError } from './federation-error.ts'

/** How a bundle endpoint proves itself: one profile, configured, never the other as a second try. */
export type EndpointAuthentication = WebAuthentication | SpiffeAuthentication

/** SPIFFE Federation section 5.2.1. */
export interface WebAuthentication {
  readonly profile: 'https_web'
  /** PEM roots for the endpoint's certificate; without them the public Web PKI. */
  readonly webRoots?: string | undefined
}

/** SPIFFE Federation section 5.2.2. */
export interface SpiffeAuthentication {
  readonly profile: 'https_spiffe'
  readonly endpointId: WorkloadId
  /** DER roots of the trust domain that `endpointId` is of, and of no other. */
  readonly roots: readonly Uint8Array[]
  /** Seconds since the Unix epoch. */
  readonly now: number
}

/**
 * Verifies the certificates that an `https_spiffe` endpoint showed.
 *
 * @param chain DER, leaf first
 * @throws FederationError `ERR_FEDERATION_IDENTITY` for a valid X509-SVID of somebody else
 * @throws FederationError `ERR_FEDERATION_CERTIFICATE` for anything that is no valid X509-SVID of that trust domain
 * @see SPIFFE Federation section 5.2.2.4; SPIFFE X509-SVID section 5
 */
export async function verifyEndpoint(
  chain: readonly Uint8Array[],
  { endpointId, roots, now }: SpiffeAuthentication,
): Promise<void> {
  try {
    await verifyWic({
      chain,
      roots: (origin) => (origin === endpointId.origin ? roots : undefined),
      now,
      crypto: nodeCrypto,
      role: 'server',
      expectedPeer: { id: endpointId },
    })
  } catch (cause) {
    const code = errorCode(cause)
    if (code === undefined) throw cause
    if (code === 'ERR_CERTIFICATE_UNEXPECTED_PEER') {
      const { detail } = cause as CertificateError
      throw new FederationError('ERR_FEDERATION_IDENTITY', 'bundle endpoint is another workload than expected', {
        ...(detail === undefined ? {} : { detail }),
        cause,
      })
    }
    throw new FederationError('ERR_FEDERATION_CERTIFICATE', "bundle endpoint's certificate is not trusted", {
      detail: code,
      cause,
    })
  }
}
