/** The agent's configuration file: the reference documentation is made from these descriptions and defaults. */
import { TracingSettings, telemetrySettings } from '@countersign/telemetry'
import { type Static, Type } from 'typebox'
import { BrokerSettings } from './broker-config-schema.ts'

const seconds = (defaultSeconds: number, minimum: number, maximum: number, description: string) =>
  Type.Integer({ minimum, maximum, default: defaultSeconds, description: `${description}, in seconds` })

const count = (defaultCount: number, maximum: number, description: string) =>
  Type.Integer({ minimum: 1, maximum, default: defaultCount, description })

const secretName = (defaultName: string, description: string) =>
  Type.String({ minLength: 1, maxLength: 255, default: defaultName, description })

const PluginChoice = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 64, description: "the plugin's name" }),
  config: Type.Optional(Type.Unknown({ description: "the plugin's own settings" })),
})

export const AgentConfigFile = Type.Object({
  trustDomain: Type.String({
    minLength: 1,
    maxLength: 255,
    description: 'name of the trust domain, as in example.org',
  }),
  dataDir: Type.String({
    minLength: 1,
    description: "folder for the agent's own key, identity and last known state; made if absent",
  }),
  server: Type.Object({
    url: Type.String({
      pattern: '^https://[^/?#@]+/?$',
      maxLength: 2048,
      description: "URL of the server's machine listener, as in https://server.example.org:8441",
    }),
    timeout: seconds(10, 1, 300, 'patience with one answer of the server'),
    syncInterval: seconds(30, 1, 3600, 'how often to ask for changes when the server has been silent'),
  }),
  bootstrapBundle: Type.Optional(
    Type.String({
      minLength: 1,
      description: 'SPIFFE bundle document of the trust domain: whom to believe before the first attestation',
    }),
  ),
  nodeAttestor: Type.Object(PluginChoice.properties, { description: 'how this node proves where it runs' }),
  workloadAttestors: Type.Array(PluginChoice, {
    default: [{ name: 'unix' }],
    minItems: 1,
    maxItems: 32,
    description: 'how programs on this node are told apart',
  }),
  socket: Type.String({
    minLength: 1,
    default: '/run/countersign/workload.sock',
    description: "Unix socket of the Workload API and Envoy's secret discovery, open to every user of the node",
  }),
  limits: Type.Object(
    {
      connections: count(4096, 65_536, 'most connections to the socket at once'),
      connectionsPerUser: count(2048, 65_536, 'most connections of one user at once'),
      streams: count(16_384, 1_048_576, 'most open streams of the Workload API at once'),
      streamsPerUser: count(8192, 1_048_576, 'most open streams of one user at once'),
      identities: count(1000, 8192, 'most identities one program is given; those of the oldest entries go first'),
      handshakeTimeout: seconds(10, 1, 300, 'time for a program that connected to start speaking'),
      credentials: count(4096, 1_048_576, 'most credentials kept of each kind; the least recently used one goes first'),
    },
    { default: {} },
  ),
  seal: Type.Object(
    {
      enabled: Type.Boolean({
        default: true,
        description:
          'whether credentials of workloads are kept in dataDir, encrypted, so that a restart without the server has them',
      }),
      keyFile: Type.Optional(
        Type.String({
          minLength: 1,
          description:
            "file of 32 to 4096 secret octets that the credentials are encrypted with, such as a credential of systemd; default a key of the agent's own in dataDir",
        }),
      ),
    },
    { default: {} },
  ),
  attestation: Type.Object(
    {
      timeout: seconds(10, 1, 300, 'patience with the attestation of one program'),
      cache: seconds(5, 0, 60, 'how long what was found about a program is believed'),
    },
    { default: {} },
  ),
  sds: Type.Object(
    {
      defaultSvidName: secretName('default', "name of the program's oldest identity, certificate and key"),
      defaultBundleName: secretName('ROOTCA', "name of the roots of the agent's own trust domain"),
      defaultAllBundlesName: secretName('ALL', 'name of the roots of every trust domain that the program may trust'),
      disableSpiffeCertValidation: Type.Boolean({
        default: false,
        description:
          'give roots of a single trust domain without the SPIFFE certificate validator; node metadata disable_spiffe_cert_validation has the last word',
      }),
    },
    { default: {}, description: "Envoy's Secret Discovery Service on the same socket" },
  ),
  operator: Type.Object(
    {
      enabled: Type.Boolean({ default: true, description: 'whether the operator can ask the agent over a socket' }),
      socket: Type.Optional(
        Type.String({
          minLength: 1,
          description:
            "Unix socket for `countersign agent status`, `health`, `explain` and `log-level`, open to root and the agent's user; default operator.sock in dataDir",
        }),
      ),
    },
    { default: {} },
  ),
  broker: Type.Optional(BrokerSettings),
  telemetry: Type.Optional(telemetrySettings(9442)),
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
export type AgentConfigFile = Static<typeof AgentConfigFile>
