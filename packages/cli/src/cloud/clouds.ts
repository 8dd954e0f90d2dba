export type CloudName = 'aws' | 'gcp' | 'azure'

/** What the documentation of a cloud says about the tokens that it takes from a foreign OpenID Connect issuer. */
export interface Cloud {
  readonly title: string
  /** What its documentation has tokens made for, where that is the same for everybody. */
  readonly audience?: string
  /** With which a token may be signed. */
  readonly algorithms: readonly string[]
  /** Of `sub`, in octets. */
  readonly maxSubjectBytes?: number
  /** Of the issuer's URL, in characters. */
  readonly maxIssuerLength?: number
  /** Whether the issuer's URL may have a port. */
  readonly allowsPort: boolean
  /** Between `iat` and `exp`, in seconds. */
  readonly maxLifetime?: number
  /** For how long an SDK may go on with what it read from a token file, in seconds. */
  readonly tokenFileMemory?: number
}

export const CLOUDS = {
  /**
   * @see AWS STS API reference, AssumeRoleWithWebIdentity, WebIdentityToken: RSA and ECDSA keys
   * @see AWS IAM API reference, CreateOpenIDConnectProvider, Url: 255 characters, no port, no query
   */
  aws: {
    title: 'AWS',
    audience: 'sts.amazonaws.com',
    algorithms: ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'],
    maxIssuerLength: 255,
    allowsPort: false,
  },
  /**
   * @see Google STS API reference, `v1.token`, subject_token: RS256 or ES256, `exp` less than 48 hours after `iat`
   * @see Google IAM API reference, workloadIdentityPools.providers, attributeMapping: google.subject has at most 127 bytes
   */
  gcp: {
    title: 'Google Cloud',
    algorithms: ['RS256', 'ES256'],
    maxSubjectBytes: 127,
    allowsPort: true,
    maxLifetime: 48 * 3_600 - 1,
  },
  /**
   * @see Microsoft Entra, considerations for federated identity credentials: RS256 only; issuer and subject 600 characters
   * @see azure-identity for Python, WorkloadIdentityCredential: a token file is read again after 600 seconds
   */
  azure: {
    title: 'Azure',
    audience: 'api://AzureADTokenExchange',
    algorithms: ['RS256'],
    maxSubjectBytes: 600,
    maxIssuerLength: 600,
    allowsPort: true,
    tokenFileMemory: 600,
  },
} as const satisfies Readonly<Record<CloudName, Cloud>>
