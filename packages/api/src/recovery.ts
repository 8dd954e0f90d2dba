import { type Static, Type } from 'typebox'
import { Timestamp } from './common.ts'

/** `restore`: what happened since a backup is lost. `clock`: the time cannot be right. */
export const HoldReason = Type.Union([Type.Literal('restore'), Type.Literal('clock')])
export type HoldReason = Static<typeof HoldReason>

/** Why a server issues nothing at present. */
export const Hold = Type.Object({
  reason: HoldReason,
  code: Type.String(),
  message: Type.String(),
  /** What to do next. */
  next: Type.String(),
  since: Type.Optional(Timestamp),
})
export type Hold = Static<typeof Hold>

/** `POST /v1/resume`: issue again. */
export const ResumeRequest = Type.Object({ reason: HoldReason }, { additionalProperties: false })
export type ResumeRequest = Static<typeof ResumeRequest>
/** What still keeps the server from issuing. */
export const ResumeResult = Type.Object({ resumed: HoldReason, holds: Type.Array(Hold) })
export type ResumeResult = Static<typeof ResumeResult>

/** One thing that was looked at. */
export const Finding = Type.Object({
  check: Type.String(),
  status: Type.Union([
    Type.Literal('ok'),
    Type.Literal('warning'),
    Type.Literal('problem'),
    /** Could not be looked at. */
    Type.Literal('skipped'),
  ]),
  message: Type.String(),
  /** What to do about it. */
  next: Type.Optional(Type.String()),
})
export type Finding = Static<typeof Finding>

/** `GET /v1/checks`: what only a running server can say about its data. */
export const FindingList = Type.Object({ findings: Type.Array(Finding) })
export type FindingList = Static<typeof FindingList>
