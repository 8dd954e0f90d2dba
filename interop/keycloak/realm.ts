/** What the realm of the suite is made of, in Keycloak's own format for imports. */
export interface RealmSettings {
  readonly realm: string
  /** Of the one user and the one client that have secrets. */
  readonly password: string
  readonly clientSecret: string
  /** Issuer identifier of our token service: the audience of the user's token. */
  readonly tokenService: string
  readonly trustDomain: string
  readonly bundleEndpoint: string
  /** SPIFFE ID of the workload that Keycloak knows as `spiffe-caller`. */
  readonly callerId: string
}

export const USER = 'alice'
export const PORTAL = 'portal'
/** A client whose tokens do not say that they are access tokens: Keycloak's default. */
export const OLD_PORTAL = 'old-portal'
export const SPIFFE_CLIENT = 'spiffe-caller'
/** A portal that people sign in to with a browser: the code flow with PKCE, without a secret. */
export const BROWSER_PORTAL = 'browser-portal'
/** Nobody listens there: the browser of the suite stops before it is opened. */
export const REDIRECT_URI = 'http://127.0.0.1:9/signed-in'
/** What people let the portal do. A scope of the realm's own; made by its admin API. */
export const SCOPE = 'orders.write'

export function makeRealm(settings: RealmSettings): object {
  const { realm, password, clientSecret, tokenService, trustDomain, bundleEndpoint, callerId } = settings
  return {
    realm,
    enabled: true,
    users: [
      {
        username: USER,
        enabled: true,
        ...{ email: 'alice@example.org', emailVerified: true, firstName: 'Alice', lastName: 'Example' },
        credentials: [{ type: 'password', value: password }],
      },
    ],
    clients: [
      portal(PORTAL, clientSecret, tokenService, { 'access.token.header.type.rfc9068': 'true' }),
      portal(OLD_PORTAL, clientSecret, tokenService, {}),
      {
        ...portal(BROWSER_PORTAL, clientSecret, tokenService, {
          'access.token.header.type.rfc9068': 'true',
          'pkce.code.challenge.method': 'S256',
        }),
        ...{ publicClient: true, standardFlowEnabled: true, directAccessGrantsEnabled: false },
        redirectUris: [REDIRECT_URI],
      },
      {
        clientId: SPIFFE_CLIENT,
        publicClient: false,
        standardFlowEnabled: false,
        serviceAccountsEnabled: true,
        clientAuthenticatorType: 'federated-jwt',
        attributes: { 'jwt.credential.issuer': 'countersign', 'jwt.credential.sub': callerId },
      },
    ],
    identityProviders: [
      {
        alias: 'countersign',
        providerId: 'spiffe',
        enabled: true,
        config: { trustDomain: `spiffe://${trustDomain}`, bundleEndpoint },
      },
    ],
  }
}

function portal(clientId: string, secret: string, audience: string, attributes: object): object {
  return {
    clientId,
    secret,
    attributes,
    publicClient: false,
    standardFlowEnabled: false,
    directAccessGrantsEnabled: true,
    protocolMappers: [
      mapper('audience', 'oidc-audience-mapper', { 'included.custom.audience': audience }),
      // RFC 9068 wants client_id, which Keycloak calls azp.
      mapper('client_id', 'oidc-hardcoded-claim-mapper', {
        'claim.name': 'client_id',
        'claim.value': clientId,
        'jsonType.label': 'String',
      }),
    ],
  }
}

const mapper = (name: string, protocolMapper: string, config: object): object => ({
  name,
  protocol: 'openid-connect',
  protocolMapper,
  config: { ...config, 'access.token.claim': 'true', 'id.token.claim': 'false' },
})
