/** The server's configuration file: the reference documentation is made from these descriptions and defaults. */
import { TracingSettings, telemetrySettings } from '@countersign/telemetry'
import { type Static, Type } from 'typebox'
import { OidcIssuerConfig } from '../authorization/oidc/oidc-issuer-config.ts'
import { TokenServiceConfig } from '../exchange/token-service-schema.ts'

const DAY = 86_400

const port = (defaultPort: number) =>
  Type.Integer({ minimum: 0, maximum: 65_535, default: defaultPort, description: 'TCP port; 0 takes any free one' })

const seconds = (defaultSeconds: number, minimum: number, maximum: number, description: string) =>
  Type.Integer({ minimum, maximum, default: defaultSeconds, description: `${description}, in seconds` })

const PluginChoice = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 64, description: "the plugin's name" }),
  config: Type.Optional(Type.Unknown({ description: "the plugin's own settings" })),
})

export const ServerConfigFile = Type.Object({
  trustDomain: Type.String({
    minLength: 1,
    maxLength: 255,
    description: 'name of the trust domain, as in example.org',
  }),
  dataDir: Type.String({
    minLength: 1,
    description: 'folder for the store, keys and the admin socket; made if absent',
  }),
  machine: Type.Object(
    {
      host: Type.String({ minLength: 1, default: '0.0.0.0', description: 'address to listen on for agents' }),
      port: port(8441),
      advertisedHost: Type.Optional(
        Type.String({ minLength: 1, maxLength: 253, description: 'host name by which agents reach this server' }),
      ),
    },
    { default: {} },
  ),
  public: Type.Object(
    {
      host: Type.String({ minLength: 1, default: '0.0.0.0', description: 'address of the bundle endpoint' }),
      port: port(8443),
      certFile: Type.Optional(
        Type.String({ minLength: 1, description: 'PEM certificate chain; without it an own one is made' }),
      ),
      keyFile: Type.Optional(Type.String({ minLength: 1, description: 'PEM private key of certFile' })),
      clientCertificates: Type.Boolean({
        default: false,
        description:
          'whether clients are asked for a certificate: X509-SVIDs as clients of the token service, and tokens bound to them. ' +
          'Browsers may ask their users',
      }),
    },
    { default: {} },
  ),
  admin: Type.Object(
    {
      socket: Type.Optional(
        Type.String({ minLength: 1, description: 'Unix socket of the admin API; default admin.sock in dataDir' }),
      ),
      socketMode: Type.Union([Type.Literal('0600'), Type.Literal('0660'), Type.Literal('0666')], {
        default: '0600',
        description: 'who may open the socket; whoever is neither root nor the user of the server needs a role besides',
      }),
      socketGroup: Type.Optional(
        Type.Integer({ minimum: 0, maximum: 4_294_967_294, description: 'gid of the socket, for socketMode 0660' }),
      ),
      remote: Type.Boolean({
        default: true,
        description: 'serves the admin API on the machine listener too, to those who have a role',
      }),
      oidc: Type.Array(OidcIssuerConfig, {
        default: [],
        maxItems: 16,
        description: 'OpenID Connect issuers whose users may be given roles',
      }),
    },
    { default: {} },
  ),
  authorities: Type.Object(
    {
      x509Ttl: seconds(DAY, 60, 3650 * DAY, 'lifetime of a certificate authority'),
      jwtTtl: seconds(DAY, 60, 3650 * DAY, 'lifetime of a key that signs JWT-SVIDs'),
      witTtl: seconds(DAY, 60, 3650 * DAY, 'lifetime of a key that signs WIT-SVIDs'),
      oauthTtl: seconds(DAY, 60, 3650 * DAY, 'lifetime of a key that signs for the token service'),
      jwtAlgorithm: Type.Union([Type.Literal('ES256'), Type.Literal('RS256')], {
        default: 'ES256',
        description: 'algorithm of the next key that signs JWT-SVIDs; some relying parties accept only RS256',
      }),
    },
    { default: {} },
  ),
  svids: Type.Object(
    {
      x509Ttl: seconds(3600, 1, 365 * DAY, 'lifetime of an X509-SVID whose entry names none'),
      jwtTtl: seconds(300, 1, 365 * DAY, 'lifetime of a JWT-SVID whose entry names none'),
      witTtl: seconds(3600, 1, 365 * DAY, 'lifetime of a WIT-SVID whose entry names none'),
      issuanceRate: Type.Integer({
        minimum: 1,
        maximum: 1_000_000,
        default: 100,
        description: 'credentials that one agent may have issued in a second, in the long run',
      }),
      issuanceBurst: Type.Integer({
        minimum: 100,
        maximum: 10_000_000,
        default: 20_000,
        description: 'credentials that one agent may have issued at once, after it asked for few',
      }),
      agentTtl: seconds(3600, 1, 365 * DAY, "lifetime of an agent's own X509-SVID"),
      jwtIssuer: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 2048,
          description:
            'https URL that JWT-SVIDs carry as iss and under which OpenID Connect discovery is served; without it neither',
        }),
      ),
    },
    { default: {} },
  ),
  bundle: Type.Object(
    {
      refreshHint: seconds(60, 1, DAY, 'how often others should fetch the bundle'),
      spiffeEndpoint: Type.Optional(
        Type.Object(
          {
            host: Type.String({ minLength: 1, default: '0.0.0.0', description: 'address to listen on' }),
            port: port(8444),
          },
          { description: 'serves the bundle by profile https_spiffe too; without it only https_web is served' },
        ),
      ),
    },
    { default: {} },
  ),
  tokenService: Type.Optional(TokenServiceConfig),
  keyManager: Type.Object(PluginChoice.properties, {
    default: { name: 'disk' },
    description: 'where signing keys are kept',
  }),
  upstreamAuthority: Type.Optional(
    Type.Object(PluginChoice.properties, {
      description: 'what signs the certificate authorities of this server; without it they are roots themselves',
    }),
  ),
  downstream: Type.Object(
    {
      caTtl: seconds(DAY, 60, 3650 * DAY, 'longest lifetime of the certificate authority of a server below this one'),
      pathLength: Type.Integer({
        minimum: 0,
        maximum: 5,
        default: 0,
        description: 'how many levels of servers may stand below a server that stands below this one',
      }),
    },
    { default: {} },
  ),
  nodeAttestors: Type.Array(PluginChoice, {
    default: [{ name: 'join-token' }],
    maxItems: 32,
    description: 'how nodes may prove where they run',
  }),
  telemetry: Type.Optional(telemetrySettings(9441)),
  tracing: Type.Optional(TracingSettings),
  log: Type.Object(
    {
      level: Type.Union([Type.Literal('debug'), Type.Literal('info'), Type.Literal('warn'), Type.Literal('error')], {
        default: 'info',
        description: 'least severe level that is logged',
      }),
    },
    { default: {} },
  ),
})
export type ServerConfigFile = Static<typeof ServerConfigFile>
