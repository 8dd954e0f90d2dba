/**
 * `GET|PUT /v1/log-level`, `POST /v1/log-level/reset`, of the admin API and of the operator API: what a running program
 * logs from.
 */
import { type Static, Type } from 'typebox'
import { Timestamp } from './common.ts'

const Level = Type.Union([Type.Literal('debug'), Type.Literal('info'), Type.Literal('warn'), Type.Literal('error')])
const Component = Type.String({ minLength: 1, maxLength: 64, pattern: '^[a-z0-9][a-z0-9-]*$' })

export const LogLevelChange = Type.Object(
  {
    level: Level,
    /** Without it, everything that has no level of its own. */
    component: Type.Optional(Component),
    /** Reset by itself after so many seconds. */
    forSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 604_800 })),
  },
  { additionalProperties: false },
)
export type LogLevelChange = Static<typeof LogLevelChange>

/** Without a component, everything: the whole and every component. */
export const LogLevelReset = Type.Object({ component: Type.Optional(Component) }, { additionalProperties: false })
export type LogLevelReset = Static<typeof LogLevelReset>

export const LogLevels = Type.Object({
  /** By the configuration file. */
  configured: Type.String(),
  /** At present, of all that has no level of its own. */
  level: Type.String(),
  /** When that ends by itself. */
  until: Type.Optional(Timestamp),
  components: Type.Array(Type.Object({ name: Type.String(), level: Type.String(), until: Type.Optional(Timestamp) })),
})
export type LogLevels = Static<typeof LogLevels>
