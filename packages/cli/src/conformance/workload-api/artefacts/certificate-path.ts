import { CertificateError, type CertificateErrorCode, verifyX509Svid } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { ParsedCertificate } from './x509-content.ts'

const MAX_PATH = 8
/** Clocks differ. */
const SKEW_SECONDS = 60

/** Refusals that are about the leaf itself: other checks are for them. */
const LEAF_RULES: ReadonlySet<CertificateErrorCode> = new Set<CertificateErrorCode>([
  'ERR_CERTIFICATE_URI_COUNT',
  'ERR_CERTIFICATE_IDENTIFIER',
  'ERR_CERTIFICATE_LEAF_IS_CA',
  'ERR_CERTIFICATE_KEY_USAGE',
  'ERR_CERTIFICATE_EXTENDED_KEY_USAGE',
  'ERR_CERTIFICATE_ALT_NAME_NOT_CRITICAL',
])

/**
 * Why no path leads from the leaf to a root. Asks two verifiers, ours and OpenSSL's signature check along the chain; either
 * may object.
 *
 * @param chain leaf first
 * @param now epoch seconds
 */
export async function pathProblem(
  chain: readonly ParsedCertificate[],
  roots: readonly ParsedCertificate[],
  now: number,
): Promise<string | undefined> {
  const [leaf, ...intermediates] = chain
  if (leaf === undefined) return 'no leaf'
  return signaturePathProblem(leaf, intermediates, roots) ?? (await verifierProblem(chain, roots, now))
}

function signaturePathProblem(
  leaf: ParsedCertificate,
  intermediates: readonly ParsedCertificate[],
  roots: readonly ParsedCertificate[],
): string | undefined {
  let current = leaf
  for (let length = 0; length < MAX_PATH; length++) {
    if (roots.some((root) => hasIssued(root, current))) return undefined
    const next = intermediates.find((each) => each !== current && hasIssued(each, current))
    if (next === undefined) return `certificate ${length} of the path was issued by none of chain and bundle`
    current = next
  }
  return 'the path is too long'
}

function hasIssued(issuer: ParsedCertificate, { openssl }: ParsedCertificate): boolean {
  return openssl.checkIssued(issuer.openssl) && openssl.verify(issuer.openssl.publicKey)
}

async function verifierProblem(
  chain: readonly ParsedCertificate[],
  roots: readonly ParsedCertificate[],
  now: number,
): Promise<string | undefined> {
  try {
    const anchors = roots.map(({ der }) => der)
    await verifyX509Svid({
      chain: chain.map(({ der }) => der),
      roots: () => anchors,
      now,
      skewSeconds: SKEW_SECONDS,
      crypto: nodeCrypto,
    })
    return undefined
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error
    return LEAF_RULES.has(error.code) ? undefined : error.message
  }
}
