import { CloudError } from './cloud-error.ts'
import type { Cloud } from './clouds.ts'

/** Fewer characters than a URL may have: what is written here is pasted into shells, policies and files. */
const ISSUER = /^https:\/\/[a-z0-9.-]+(:[0-9]{1,5})?(\/[A-Za-z0-9._~/-]*)?$/

/**
 * Checks that a cloud can have this issuer.
 *
 * @throws CloudError `ERR_CLOUD_ISSUER`
 */
export function validateIssuer(issuer: string, cloud: Cloud): string {
  const refuse = (why: string) => {
    throw new CloudError('ERR_CLOUD_ISSUER', `${cloud.title} cannot use the issuer ${issuer}: ${why}`)
  }
  if (!ISSUER.test(issuer) || !URL.canParse(issuer)) {
    refuse('it must be an https URL in lower case without user, query and fragment')
  }
  if (/^https:\/\/[^/]*:/.test(issuer) && !cloud.allowsPort) refuse('its URL must not have a port')
  if (issuer.length > (cloud.maxIssuerLength ?? Number.POSITIVE_INFINITY)) {
    refuse(`it has ${issuer.length} characters and may have ${cloud.maxIssuerLength}`)
  }
  return issuer
}

/** Whatever SPIFFE allows in an identifier needs no quotes in a policy, a condition or a shell. */
const SPIFFE_ID = /^spiffe:\/\/[a-z0-9._-]+(?:\/[A-Za-z0-9._-]+)+$/

/**
 * Checks that a cloud can have this SPIFFE ID as subject.
 *
 * @throws CloudError `ERR_CLOUD_SUBJECT`
 */
export function validateSubject(subject: string, cloud: Cloud): string {
  if (!SPIFFE_ID.test(subject)) throw new CloudError('ERR_CLOUD_SUBJECT', 'JWT-SVIDs have SPIFFE IDs as subjects')
  const bytes = Buffer.byteLength(subject)
  if (bytes > (cloud.maxSubjectBytes ?? Number.POSITIVE_INFINITY)) {
    throw new CloudError(
      'ERR_CLOUD_SUBJECT',
      `${cloud.title} takes subjects of at most ${cloud.maxSubjectBytes} bytes, and this SPIFFE ID has ${bytes}`,
    )
  }
  return subject
}

/**
 * Checks that a cloud takes what is signed like this.
 *
 * @param algorithm as a token or a configuration says
 * @throws CloudError `ERR_CLOUD_ALGORITHM`
 */
export function validateAlgorithm(algorithm: unknown, cloud: Cloud): void {
  if (cloud.algorithms.some((name) => name === algorithm)) return
  const named = typeof algorithm === 'string' && /^[A-Za-z0-9-]{1,16}$/.test(algorithm) ? algorithm : 'something else'
  throw new CloudError(
    'ERR_CLOUD_ALGORITHM',
    `JWT-SVIDs are signed with ${named}, and ${cloud.title} takes ${cloud.algorithms.join(', ')} only`,
  )
}

/**
 * @param seconds between `iat` and `exp`
 * @throws CloudError `ERR_CLOUD_LIFETIME`
 */
export function validateLifetime(seconds: number, cloud: Cloud): void {
  if (seconds <= (cloud.maxLifetime ?? Number.POSITIVE_INFINITY)) return
  throw new CloudError(
    'ERR_CLOUD_LIFETIME',
    `JWT-SVIDs live for ${seconds} s, and ${cloud.title} takes tokens of at most ${cloud.maxLifetime} s`,
  )
}
