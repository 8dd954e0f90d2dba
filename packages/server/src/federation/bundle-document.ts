import type { BundleDocument } from '@countersign/api'
import { errorCode, formatSpiffeBundle, parseCertificate, parseSpiffeBundle } from '@countersign/protocol'
import { certificateKey } from '../issuance/certificate-key.ts'
import { FederationError } from './federation-error.ts'

/** Every agent that needs it gets it again with each change of its state. */
export const MAX_BUNDLE_BYTES = 256 * 1024

/**
 * Reads a foreign bundle document and writes it anew from the keys that can be used. The others are left out, as the
 * standard asks: one certificate that cannot be read makes workloads refuse everything that comes with it.
 *
 * @param trustDomain from configuration; the document itself never says
 * @throws FederationError `ERR_FEDERATION_BUNDLE` for what is no bundle, a key set for other uses included;
 *   `ERR_FEDERATION_TOO_LARGE` for more than 256 KiB
 * @see SPIFFE Trust Domain and Bundle, section 4
 */
export function parseBundleDocument(trustDomain: string, document: unknown): BundleDocument {
  const bundle = parseBundle(trustDomain, document)
  const x509Authorities = bundle.x509Authorities.filter(isUsableAuthority)
  const { keys, ...members } = formatSpiffeBundle({ ...bundle, x509Authorities }, certificateKey)
  const usable = { keys: keys.map((key) => ({ ...key })), ...members }
  if (Buffer.byteLength(JSON.stringify(usable)) > MAX_BUNDLE_BYTES) {
    throw new FederationError('ERR_FEDERATION_TOO_LARGE', `bundle is larger than ${MAX_BUNDLE_BYTES} bytes`)
  }
  return usable
}

const USES: ReadonlySet<unknown> = new Set(['x509-svid', 'jwt-svid', 'wit-svid'])

function parseBundle(trustDomain: string, document: unknown) {
  try {
    const bundle = parseSpiffeBundle(trustDomain, document)
    rejectOtherKeySet(document as { readonly keys: readonly Readonly<Record<string, unknown>>[] })
    return bundle
  } catch (cause) {
    if (errorCode(cause) === undefined) throw cause
    throw new FederationError('ERR_FEDERATION_BUNDLE', (cause as Error).message, { cause })
  }
}

/**
 * Keys none of which is for an SVID are another kind of key set, behind a wrong URL. Read as a bundle it would withdraw
 * all trust in the domain, which is what an empty list is for.
 */
function rejectOtherKeySet({ keys }: { readonly keys: readonly Readonly<Record<string, unknown>>[] }): void {
  if (keys.length > 0 && !keys.some(({ use }) => USES.has(use))) {
    throw new FederationError('ERR_FEDERATION_BUNDLE', 'key set has keys, but none of them is for SVIDs')
  }
}

/** A strange key can make OpenSSL fail in its own ways; whatever the reason, the certificate is of no use then. */
function isUsableAuthority(der: Uint8Array): boolean {
  try {
    certificateKey(der)
    return parseCertificate(der).isCa
  } catch {
    return false
  }
}
