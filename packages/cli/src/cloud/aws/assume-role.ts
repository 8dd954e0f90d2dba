import { CloudError } from '../cloud-error.ts'
import { callHttps } from '../https-call.ts'
import { readStsAnswer, type TemporaryCredentials } from './sts-answer.ts'

export interface AssumeRole {
  readonly endpoint: URL
  readonly roleArn: string
  readonly sessionName: string
  /** Secret. */
  readonly token: string
  /** Seconds; what the role says when left out. */
  readonly duration?: number | undefined
  /** PEM of the only roots to believe for the endpoint. */
  readonly roots?: string | undefined
  /** Unix time, seconds. */
  readonly now: number
}

const API_VERSION = '2011-06-15'

/**
 * AssumeRoleWithWebIdentity: temporary credentials for a JWT-SVID. The request is not signed; the token is all the proof.
 *
 * @throws CloudError `ERR_CLOUD_UNREACHABLE`, `ERR_CLOUD_ANSWER`, `ERR_CLOUD_REFUSED`
 * @see AWS STS API reference, AssumeRoleWithWebIdentity
 */
export async function assumeRole(options: AssumeRole): Promise<TemporaryCredentials> {
  const { endpoint, roleArn, sessionName, token, duration, roots, now } = options
  const form = new URLSearchParams({
    Action: 'AssumeRoleWithWebIdentity',
    Version: API_VERSION,
    RoleArn: roleArn,
    RoleSessionName: sessionName,
    WebIdentityToken: token,
    ...(duration === undefined ? {} : { DurationSeconds: String(duration) }),
  })
  const credentials = readStsAnswer(await callHttps({ url: endpoint, form, roots }))
  if (Date.parse(credentials.expiration) / 1000 <= now) {
    throw new CloudError('ERR_CLOUD_ANSWER', 'STS gave credentials that have ended already: compare the clocks')
  }
  return credentials
}
