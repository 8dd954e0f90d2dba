import type { Clock, Logger } from '@countersign/plugin-kit'
import type { Issuer } from '../issuance/issuer.ts'
import type { AgentState } from '../state/agent-state.ts'
import type { AgentObservation } from '../telemetry/observation.ts'
import type { CallerResolver } from './caller.ts'
import type { PushSchedule } from './push-schedule.ts'

/** What an answer is made from, whoever asks for it. */
export interface AnswerContext {
  readonly issuer: Issuer
  readonly state: AgentState
  /** When open streams look for what has changed. */
  readonly pushes: PushSchedule
  /** Most identities one program is given, oldest entries first. */
  readonly maxIdentities: number
  readonly trustDomain: string
  readonly clock: Clock
  readonly log: Logger
  readonly observation?: AgentObservation
}

/** What the handlers of the Workload API work with. */
export interface ServiceContext extends AnswerContext {
  readonly callers: CallerResolver
}
