import type { Environment } from '../environment.ts'
import type { Cell } from '../terminal/table.ts'

/** A long-running program, as `run` and `validate` see it. */
export interface Program {
  /** Reads and checks a configuration; starts nothing. @throws ConfigError `ERR_CONFIG_*` */
  load(configPath: string, env: Environment): Promise<LoadedProgram>
}

export interface LoadedProgram {
  /** Reads the files that the configuration names as well; starts nothing. @throws what would stop the program at its start */
  check?(): Promise<void>
  /** Resolves when the program can be used. */
  start(): Promise<RunningProgram>
}

export interface RunningProgram {
  /** Where it can be reached: name and value, a few lines. */
  readonly summary: readonly (readonly [name: string, value: Cell])[]
  stop(): Promise<void>
}
