import { type Static, Type } from 'typebox'

export const DiskConfig = Type.Object(
  {
    certFile: Type.String({
      minLength: 1,
      description: 'PEM certificate of the CA that signs, followed by what leads up from it to a root',
    }),
    keyFile: Type.String({ minLength: 1, description: 'PEM private key of that CA, readable by the server only' }),
    rootsFile: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'PEM roots to publish; without it the one at the end of certFile. May hold the next root already',
      }),
    ),
    pathLength: Type.Integer({
      minimum: 0,
      maximum: 5,
      default: 0,
      description: "how many levels of servers may stand below this one's CA",
    }),
  },
  { additionalProperties: false },
)
export type DiskConfig = Static<typeof DiskConfig>
