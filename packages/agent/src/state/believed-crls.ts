import type { Logger } from '@countersign/plugin-kit'
import { decodeBase64, errorCode, type SpiffeBundle, X509Anchors, X509Revocations } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'

/**
 * Those revocation lists that an authority of the trust domain has signed. Others are left out, and logged: a program
 * that takes lists seriously may refuse a whole message over one that it cannot believe.
 *
 * @param lists base64 DER
 */
export function believedCrls(
  lists: readonly string[] = [],
  { trustDomain, x509Authorities }: SpiffeBundle,
  log: Logger,
): readonly Uint8Array[] {
  try {
    const crls = lists.map(decodeBase64)
    const revocations = X509Revocations.read(crls, new X509Anchors(x509Authorities, nodeCrypto))
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
