/** Gets a bundle document from a bundle endpoint, by either profile of SPIFFE Federation. */
import { createDocumentFetcher, type DocumentFetcher, type DocumentSource } from './fetch-document.ts'
import type { ResolveHost } from './resolve-address.ts'

export type BundleSource = DocumentSource
/** @throws FederationError `ERR_FEDERATION_*` */
export type BundleFetcher = DocumentFetcher

const MAX_REDIRECTS = 3

/** @see SPIFFE Federation sections 5.2.1.4, 5.2.2.4 */
export function createBundleFetcher(resolve: ResolveHost): BundleFetcher {
  return createDocumentFetcher(resolve, MAX_REDIRECTS)
}
