/** The token service's part of the server's configuration. */
import { type Static, Type } from 'typebox'

const Text = (description: string) => Type.String({ minLength: 1, maxLength: 2048, description })

export const IssuerConfig = Type.Object({
  name: Type.String({
    minLength: 1,
    maxLength: 128,
    description: 'what rules and audit call it; unique, and no trust domain',
  }),
  issuer: Text('iss of its tokens, byte for byte'),
  profiles: Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
    minItems: 1,
    description: 'token profiles it may be used with, such as service-account',
  }),
  jwks: Type.Optional(Type.Unknown({ description: 'its JSON Web Key Set, written out' })),
  jwksFile: Type.Optional(Text('file of its JSON Web Key Set, read again every refreshInterval')),
  jwksUri: Type.Optional(Text('https URL of its JSON Web Key Set')),
  discovery: Type.Optional(
    Type.Literal(true, {
      description:
        'find its keys by its own metadata: those of OpenID Connect Discovery, and where there are none those of RFC 8414',
    }),
  ),
  webRootsFile: Type.Optional(Text('PEM roots for its host; without them those of the Web PKI')),
  allowedAddresses: Type.Optional(
    Type.Array(Text('an address, or a range such as 10.0.0.0/8'), {
      maxItems: 64,
      description: 'addresses that are not public and may be asked for keys',
    }),
  ),
  refreshInterval: Type.Integer({
    minimum: 10,
    maximum: 86_400,
    default: 300,
    description: 'how often keys are fetched again while they are used, in seconds; never more often for unknown keys',
  }),
  algorithms: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 16 }), {
      minItems: 1,
      description: 'signature algorithms it may use; default all that are asymmetric',
    }),
  ),
  subjectPrefix: Type.String({
    maxLength: 256,
    default: '',
    description:
      "put before its subjects; needed for each of several issuers, and beside clients, so that none can name another's",
  }),
  requiredClaims: Type.Record(Type.String(), Type.Array(Type.String(), { minItems: 1 }), {
    default: {},
    description: 'claims, by path such as kubernetes.io/namespace, and the values they must have: the tenant of many',
  }),
  claims: Type.Record(Type.String(), Type.String({ minLength: 1, maxLength: 128 }), {
    default: {},
    description: 'claims to map, by path, and the name that rules and tokens know each by',
  }),
  reuse: Type.Boolean({
    default: false,
    description: 'whether an assertion may come again until it expires, as those that a platform puts into a file',
  }),
  tokenEndpointAudience: Type.Boolean({
    default: false,
    description: 'whether its assertions may name the token endpoint as audience, as before RFC 7523bis',
  }),
  untypedAccessTokens: Type.Optional(
    Type.Boolean({
      description:
        'whether its access tokens are taken though their header does not say at+jwt, as those of Keycloak do not: by the claims ' +
        'typ (Bearer or DPoP), scope and azp, and if nothing in them is of an ID token; default false',
    }),
  ),
  maxLifetime: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 31_536_000, description: 'longest lifetime of its tokens, in seconds' }),
  ),
  maxAge: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 31_536_000,
      description: 'of an attester: how long after their iat its attestations are fresh enough, in seconds',
    }),
  ),
})
export type IssuerConfig = Static<typeof IssuerConfig>

/** Where keys come from, as for issuers. */
const { jwks, jwksFile, jwksUri, webRootsFile, allowedAddresses, refreshInterval, algorithms } = IssuerConfig.properties

export const ClientConfig = Type.Object({
  id: Type.String({
    minLength: 1,
    maxLength: 256,
    description: 'client_id: iss and sub of its assertions, by the strict rules of OpenID Connect for private_key_jwt',
  }),
  ...{ jwks, jwksFile, jwksUri, webRootsFile, allowedAddresses, refreshInterval, algorithms },
  tokenEndpointAudience: IssuerConfig.properties.tokenEndpointAudience,
})
export type ClientConfig = Static<typeof ClientConfig>

export const TokenServiceConfig = Type.Object(
  {
    issuer: Text('https URL: issuer identifier of this authorization server. Not that of JWT-SVIDs'),
    rulesFile: Text(
      'YAML document of exchange rules, taken up again when it changes; without a rule that fits nothing is issued',
    ),
    issuers: Type.Array(IssuerConfig, {
      default: [],
      maxItems: 256,
      description: 'who, besides SPIFFE trust domains, vouches for clients and subjects',
    }),
    clients: Type.Array(ClientConfig, {
      default: [],
      maxItems: 1024,
      description: 'clients with a registered key, for software that has no platform to vouch for it',
    }),
    dpopNonce: Type.Boolean({
      default: false,
      description:
        'whether DPoP proofs must have a nonce of this server: one more request, for clients with bad clocks',
    }),
    attestationChallenge: Type.Boolean({
      default: false,
      description:
        'whether proofs of client attestations must have a challenge of this server, from its challenge endpoint or an answer',
    }),
  },
  { description: 'OAuth authorization server for workloads; without it there is none' },
)
export type TokenServiceConfig = Static<typeof TokenServiceConfig>
