import type { CommandContext, Signals } from './command-context.ts'
import { EXIT } from './exit.ts'
import { heavyModules } from './heavy-modules.ts'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

const processSignals: Signals = {
  onTerminate(handler) {
    for (const signal of SIGNALS) process.on(signal, handler)
    return () => {
      for (const signal of SIGNALS) process.off(signal, handler)
    }
  },
  exitNow: (code) => process.exit(code),
}

/** The real world: this process's streams, environment, clock and signals. */
export function processContext(): CommandContext {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    env: process.env,
    clock: { now: () => Math.floor(Date.now() / 1000) },
    signals: processSignals,
    modules: heavyModules,
    exitCode: EXIT.ok,
  }
}
