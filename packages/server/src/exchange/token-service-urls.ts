import { ConfigError } from '@countersign/plugin-kit'
import { DISCOVERY_PATH, IssuerUrlError, parseIssuerUrl } from '../issuance/issuer-url.ts'

/** Where the authorization server is found. All of it follows from the one configured issuer identifier. */
export interface TokenServiceUrls {
  /** Issuer identifier, byte for byte. */
  readonly issuer: string
  /** Paths at which metadata are served: RFC 8414 section 3.1, and OpenID Connect Discovery 1.0 section 4.1. */
  readonly metadataPaths: readonly string[]
  readonly paths: {
    readonly token: string
    readonly jwks: string
    readonly introspection: string
    readonly revocation: string
    readonly challenge: string
  }
  readonly tokenEndpoint: string
  readonly jwksUri: string
  readonly introspectionEndpoint: string
  readonly revocationEndpoint: string
  readonly challengeEndpoint: string
}

const OAUTH_METADATA = '/.well-known/oauth-authorization-server'

/**
 * @param jwtIssuer of JWT-SVIDs
 * @throws ConfigError `ERR_CONFIG_INVALID` for a URL that relying parties could not use, or that is the issuer of JWT-SVIDs:
 *   who takes these for identities would take access tokens for such as well
 */
export function parseTokenServiceUrls(text: string, jwtIssuer: string | undefined): TokenServiceUrls {
  const url = parse(text)
  if (jwtIssuer !== undefined && jwtIssuer.replace(/\/$/, '') === text.replace(/\/$/, '')) {
    throw new ConfigError(
      'ERR_CONFIG_INVALID',
      '"tokenService.issuer" must differ from "svids.jwtIssuer", for example by a path: its tokens are no identities',
    )
  }
  // "https://id.example.org/oauth2" has all of its endpoints below itself.
  const root = url.basePath.replace(/\/oauth2$/, '')
  const { origin } = new URL(text)
  const paths = {
    token: `${root}/oauth2/token`,
    jwks: `${root}/oauth2/jwks`,
    introspection: `${root}/oauth2/introspect`,
    revocation: `${root}/oauth2/revoke`,
    challenge: `${root}/oauth2/challenge`,
  }
  return {
    issuer: url.issuer,
    metadataPaths: [`${OAUTH_METADATA}${url.basePath}`, `${url.basePath}${DISCOVERY_PATH}`],
    paths,
    tokenEndpoint: `${origin}${paths.token}`,
    jwksUri: `${origin}${paths.jwks}`,
    introspectionEndpoint: `${origin}${paths.introspection}`,
    revocationEndpoint: `${origin}${paths.revocation}`,
    challengeEndpoint: `${origin}${paths.challenge}`,
  }
}

function parse(text: string) {
  try {
    return parseIssuerUrl(text)
  } catch (cause) {
    if (!(cause instanceof IssuerUrlError)) throw cause
    throw new ConfigError('ERR_CONFIG_INVALID', `"tokenService.issuer": ${cause.message}`, { cause })
  }
}
