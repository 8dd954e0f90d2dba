import type { PresentedToken, TokenProfileHost, TokenProfileIn } from '@countersign/plugin-kit'
import { CertificateError, decodePem, encodeBase64url, ProofError } from '@countersign/protocol'
import { certificateThumbprint, type ExchangedSubject, TOKEN_TYPES } from '@countersign/protocol/exchange'

const PROFILE = 'x509-svid'
const BEGIN = '-----BEGIN CERTIFICATE-----'

/**
 * Takes X509-SVIDs in, as PEM. A certificate is public: it is good only as that of the very connection it comes by, whose
 * handshake proved the key.
 *
 * @see X509-SVID section 5; draft-ietf-oauth-spiffe-client-auth; RFC 8705 section 3
 */
export class X509SvidIn implements TokenProfileIn {
  readonly tokenTypes = [TOKEN_TYPES.x509Svid]
  readonly roles = ['client', 'subject', 'actor'] as const
  readonly vouchers = ['trust-domain'] as const
  readonly isBound = true

  recognises(token: string): boolean {
    return token.startsWith(BEGIN)
  }

  async verify({ token, provenX509, now }: PresentedToken, host: TokenProfileHost): Promise<ExchangedSubject> {
    const [leaf] = decodePem(token)
    if (leaf === undefined) throw new CertificateError('ERR_CERTIFICATE_PEM', 'there is no certificate')
    if (provenX509 === undefined || encodeBase64url(provenX509.leaf.raw) !== encodeBase64url(leaf)) {
      throw new ProofError('ERR_PROOF_MISSING', 'an X509-SVID is worth nothing without a TLS connection by it')
    }
    const { id, expiresAt } = provenX509
    if (!(expiresAt > now)) throw new CertificateError('ERR_CERTIFICATE_EXPIRED', 'certificate has expired')
    const thumbprint = await certificateThumbprint(leaf, host.crypto)
    return {
      profile: PROFILE,
      issuer: id.trustDomain,
      issuerUrl: id.origin,
      subject: id.toString(),
      localSubject: id.toString(),
      claims: {},
      scopes: undefined,
      // A certificate is good wherever its key is proved.
      audience: undefined,
      expiresAt,
      issuedAt: provenX509.leaf.notBefore,
      tokenId: undefined,
      confirmation: { kind: 'x5t#S256', thumbprint },
      confirmationKey: undefined,
      actor: undefined,
      mayAct: undefined,
      clientId: undefined,
      transaction: undefined,
      digest: thumbprint,
    }
  }
}
