import { decodeUnverifiedJws } from '@countersign/protocol'
import { CloudError } from './cloud-error.ts'
import type { Cloud } from './clouds.ts'
import { validateAlgorithm, validateIssuer, validateLifetime, validateSubject } from './validate-identity.ts'

/** A JWT-SVID that a cloud can take. */
export interface CloudToken {
  /** Secret: whoever holds it can use it. */
  readonly token: string
  /** SPIFFE ID. */
  readonly subject: string
  /** Unix time, seconds. */
  readonly expiresAt: number
  /** Between `iat` and `exp`, in seconds. */
  readonly lifetime: number
}

/**
 * Says before a cloud is asked why it would refuse a JWT-SVID: its own answers seldom do. The signature is the cloud's
 * to verify.
 *
 * @throws JwsError for what is no token
 * @throws CloudError `ERR_CLOUD_ALGORITHM`, `ERR_CLOUD_ISSUER`, `ERR_CLOUD_SUBJECT`, `ERR_CLOUD_LIFETIME`
 */
export function validateToken(token: string, cloud: Cloud): CloudToken {
  const { header, payload } = decodeUnverifiedJws(token)
  const { iss, sub, iat, exp } = payload
  validateAlgorithm(header.alg, cloud)
  if (typeof iss !== 'string') {
    throw new CloudError('ERR_CLOUD_ISSUER', 'JWT-SVIDs carry no issuer, so no cloud can find their keys')
  }
  validateIssuer(iss, cloud)
  const subject = validateSubject(typeof sub === 'string' ? sub : '', cloud)
  if (typeof iat !== 'number' || typeof exp !== 'number') {
    throw new CloudError('ERR_CLOUD_LIFETIME', 'JWT-SVIDs do not say since when and until when they are valid')
  }
  validateLifetime(exp - iat, cloud)
  return { token, subject, expiresAt: exp, lifetime: exp - iat }
}
