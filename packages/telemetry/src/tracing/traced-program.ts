import type { Logger } from '@countersign/plugin-kit'

export interface TracedProgram {
  /** `service.name` of its spans. */
  readonly name: string
  readonly version: string
  readonly trustDomain: string
  readonly log: Logger
}
