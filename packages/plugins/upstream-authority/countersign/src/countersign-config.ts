import { type Static, Type } from 'typebox'

export const CountersignConfig = Type.Object(
  {
    serverUrl: Type.String({
      minLength: 1,
      maxLength: 2048,
      pattern: '^https://',
      description: 'machine listener of the server above, as in https://upper.example:8441',
    }),
    workloadApi: Type.String({
      minLength: 1,
      maxLength: 2048,
      description:
        'Workload API of the agent on this host that belongs to the server above, as in unix:///run/agent.sock',
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
export type CountersignConfig = Static<typeof CountersignConfig>
