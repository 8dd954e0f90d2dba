import type { Environment } from './environment.ts'
import type { ExitCode } from './exit.ts'
import type { HeavyModules } from './heavy-modules.ts'

export interface TextStream {
  write(text: string): unknown
  readonly isTTY?: boolean
}

/** Signals, as far as long-running verbs need them. */
export interface Signals {
  /** Calls `handler` for each SIGTERM or SIGINT; the returned function stops that. */
  onTerminate(handler: () => void): () => void
  /** Ends the process at once. */
  exitNow(code: number): void
}

/** All that a command may touch of the world outside, so that a test can hold every end of it. */
export interface CommandContext {
  readonly stdout: TextStream
  readonly stderr: TextStream
  readonly stdin: AsyncIterable<Uint8Array | string>
  readonly env: Environment
  readonly clock: { now(): number }
  readonly signals: Signals
  readonly modules: HeavyModules
  /** What the process exits with when no error is thrown; a verb that printed its own failure sets it. */
  exitCode: ExitCode
}
