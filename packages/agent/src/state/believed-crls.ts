import type { SyncState } from '@countersign/api'
import type { Logger } from '@countersign/plugin-kit'
import {
  CertificateError,
  decodeBase64,
  errorCode,
  type SpiffeBundle,
  verifyCaCertificate,
  X509Anchors,
  X509Revocations,
} from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'

/**
 * Those revocation lists that an authority of the trust domain, or a CA below one, has signed. Others are left out, and
 * logged: a program that takes lists seriously may refuse a whole message over one that it cannot believe.
 *
 * @param sync lists, and the CAs that may have signed them: base64 DER
 * @param now epoch seconds
 */
export function believedCrls(
  sync: Pick<SyncState, 'crls' | 'intermediates'>,
  bundle: SpiffeBundle,
  { log, now }: { readonly log: Logger; readonly now: number },
): readonly Uint8Array[] {
  const { trustDomain, x509Authorities } = bundle
  try {
    const crls = (sync.crls ?? []).map(decodeBase64)
    const below = verifiedIntermediates((sync.intermediates ?? []).map(decodeBase64), bundle, now)
    const revocations = X509Revocations.read(crls, new X509Anchors([...x509Authorities, ...below], nodeCrypto))
    if ('then' in revocations) throw new TypeError('lists are verified by a synchronous backend')
    for (const { error } of revocations.refused) {
      log.error({ trustDomain, code: error.code }, 'revocation list is not believed, left out')
    }
    const refused = new Set(revocations.refused.map(({ crl }) => crl))
    return crls.filter((crl) => !refused.has(crl))
  } catch (error) {
    log.error({ trustDomain, code: errorCode(error) }, 'revocation lists cannot be read, left out')
    return []
  }
}

/** One that leads to no root is passed over: what it signed then counts for nobody here. */
function verifiedIntermediates(
  all: readonly Uint8Array[],
  { trustDomain, x509Authorities }: SpiffeBundle,
  now: number,
): readonly Uint8Array[] {
  const verified: Uint8Array[] = []
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const roots = [...x509Authorities, ...verified]
    const added = all.filter((der) => !verified.includes(der) && isCaBelow(der, roots, trustDomain, now))
    if (added.length === 0) break
    verified.push(...added)
  }
  return verified
}

function isCaBelow(der: Uint8Array, roots: readonly Uint8Array[], trustDomain: string, now: number): boolean {
  try {
    // A promise would pass for a yes.
    return !('then' in verifyCaCertificate({ chain: [der], roots, trustDomain, now, crypto: nodeCrypto }))
  } catch (error) {
    if (error instanceof CertificateError) return false
    throw error
  }
}

/** As many as a chain may have. */
const MAX_DEPTH = 7
