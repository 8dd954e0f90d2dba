/** `GET /v1/health` of the admin API and of the operator API: whether the program can do its work, and why not. */
import { type Static, Type } from 'typebox'

export const HealthCheck = Type.Object({
  name: Type.String(),
  /** `warning`: something is amiss that does not keep the program from its work. */
  status: Type.Union([Type.Literal('ok'), Type.Literal('warning'), Type.Literal('failed')]),
  reason: Type.Optional(Type.String()),
})
export type HealthCheck = Static<typeof HealthCheck>

export const HealthReport = Type.Object({ ready: Type.Boolean(), checks: Type.Array(HealthCheck) })
export type HealthReport = Static<typeof HealthReport>
