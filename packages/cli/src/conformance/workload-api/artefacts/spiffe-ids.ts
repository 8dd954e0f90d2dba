import { IdentifierError, parseTrustDomain, WorkloadId } from '@countersign/protocol'

const MAX_ID_BYTES = 2048

/** What is wrong with a workload's SPIFFE ID, its length aside. SPIFFE-ID section 2, X509-SVID section 3.1. */
export function spiffeIdProblem(text: string): string | undefined {
  if (!text.startsWith('spiffe://')) return 'scheme is not spiffe'
  try {
    WorkloadId.parse(text)
    return undefined
  } catch (error) {
    if (!(error instanceof IdentifierError)) throw error
    return error.code === 'ERR_IDENTIFIER_TOO_LONG' ? undefined : error.message
  }
}

/** A longer one is valid, but nobody has to be able to read it. SPIFFE-ID section 2.3. */
export function isTooLong(text: string): boolean {
  return Buffer.byteLength(text) > MAX_ID_BYTES
}

/** What is wrong with a key of a bundle map, which is the SPIFFE ID of a trust domain. */
export function trustDomainIdProblem(key: string): string | undefined {
  if (!key.startsWith('spiffe://')) return `"${key.slice(0, 64)}" does not begin with spiffe://`
  try {
    parseTrustDomain(key.slice('spiffe://'.length))
    return undefined
  } catch (error) {
    if (!(error instanceof IdentifierError)) throw error
    return `"${key.slice(0, 64)}": ${error.message}`
  }
}
