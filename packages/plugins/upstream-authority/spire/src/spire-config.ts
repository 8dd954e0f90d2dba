import { type Static, Type } from 'typebox'

export const SpireConfig = Type.Object(
  {
    serverAddress: Type.String({
      minLength: 3,
      maxLength: 300,
      pattern: '^[^:/\\s]+:[0-9]{1,5}$|^\\[[0-9a-fA-F:]+\\]:[0-9]{1,5}$',
      description: 'host and port of the SPIRE server, as in spire.example:8081',
    }),
    workloadApi: Type.String({
      minLength: 1,
      maxLength: 2048,
      description: 'Workload API of the SPIRE agent on this host, as in unix:///run/spire/agent/api.sock',
    }),
    spiffeId: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 2048,
        description: 'which identity of this server to show above; without it the first that the agent gives',
      }),
    ),
  },
  { additionalProperties: false },
)
export type SpireConfig = Static<typeof SpireConfig>
