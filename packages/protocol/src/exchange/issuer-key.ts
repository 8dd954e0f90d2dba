import type { SignatureAlgorithm } from '../keys/algorithm.ts'
import { type Eventual, type VerificationKey, whenFailed, whenReady } from '../keys/crypto-backend.ts'
import { CredentialError } from '../verification/credential-error.ts'
import { selectCredentialKey } from '../verification/decode-credential.ts'
import type { TrustedIssuer } from './trusted-issuer.ts'

/**
 * The key of an issuer that a token's header means. One that is not known may be new: asked for once, and then whatever is
 * known then decides.
 *
 * @throws CredentialError `ERR_CREDENTIAL_KEY_UNKNOWN`, `ERR_CREDENTIAL_KEY_AMBIGUOUS`
 */
export function selectIssuerKey(
  issuer: TrustedIssuer,
  kid: string | undefined,
  alg: SignatureAlgorithm,
): Eventual<VerificationKey> {
  const select = () => selectCredentialKey(issuer.keys, kid, alg, `issuer ${issuer.name}`)
  const recover = (error: unknown): Eventual<VerificationKey> => {
    const isUnknown = error instanceof CredentialError && error.code === 'ERR_CREDENTIAL_KEY_UNKNOWN'
    if (!isUnknown || issuer.refreshKeys === undefined) throw error
    return whenReady(issuer.refreshKeys(), select)
  }
  try {
    return whenFailed(select(), recover)
  } catch (error) {
    return recover(error)
  }
}
