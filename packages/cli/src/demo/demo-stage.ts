import { DemoError } from './demo-error.ts'
import { DemoProgram, type DemoProgramOptions } from './demo-program.ts'
import type { Tap } from './tap.ts'

/** Everything that was started, for whoever must end it. */
export class DemoStage {
  readonly #programs: DemoProgram[] = []
  /** Those that are meant to go on running. */
  readonly lasting: DemoProgram[] = []
  readonly taps: Tap[] = []
  #closed = false

  /**
   * Starts a process, which is on the stage from its first instant: a signal may come at any moment.
   *
   * @throws DemoError `ERR_DEMO_STOPPED` once the stage is closed
   */
  readonly start = (options: DemoProgramOptions): DemoProgram => {
    if (this.#closed) throw new DemoError('ERR_DEMO_STOPPED', 'the demo was stopped')
    const program = new DemoProgram(options)
    this.#programs.push(program)
    return program
  }

  /** Ends every process this run started, by its own id, latest first. */
  async close(): Promise<void> {
    this.#closed = true
    for (const tap of this.taps) tap.close()
    await Promise.all(this.#programs.reverse().map((program) => program.stop()))
  }
}
