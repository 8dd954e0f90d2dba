import { BundleDocument } from '@countersign/api'
import { errorCode, parseSpiffeBundle } from '@countersign/protocol'
import { Value } from 'typebox/value'
import { FederationError } from './federation-error.ts'

/**
 * Checks a foreign bundle document as far as agents will: one that this server accepts is one that they can use.
 *
 * @param trustDomain from configuration; the document itself never says
 * @throws FederationError `ERR_FEDERATION_BUNDLE`
 */
export function parseBundleDocument(trustDomain: string, document: unknown): BundleDocument {
  try {
    parseSpiffeBundle(trustDomain, document)
  } catch (cause) {
    if (errorCode(cause) === undefined) throw cause
    throw new FederationError('ERR_FEDERATION_BUNDLE', (cause as Error).message, { cause })
  }
  if (!Value.Check(BundleDocument, document)) {
    throw new FederationError('ERR_FEDERATION_BUNDLE', 'bundle is not a SPIFFE bundle document')
  }
  // Members the standard does not define go no further.
  const { keys, spiffe_sequence, spiffe_refresh_hint } = document
  return {
    keys,
    ...(spiffe_sequence === undefined ? {} : { spiffe_sequence }),
    ...(spiffe_refresh_hint === undefined ? {} : { spiffe_refresh_hint }),
  }
}
