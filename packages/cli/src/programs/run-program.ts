import type { CommandContext } from '../command-context.ts'
import { formatFields } from '../terminal/table.ts'
import type { Program } from './program.ts'

/** What a second signal exits with: the shell's number for a process that SIGINT ended. */
const INTERRUPTED = 130

/**
 * Starts a program and waits until a signal has stopped it. The first SIGTERM or SIGINT stops it in good order, once;
 * a second one ends the process at once.
 */
export async function runProgram(
  name: string,
  program: Program,
  configPath: string,
  context: CommandContext,
): Promise<void> {
  const loaded = await program.load(configPath, context.env)
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
  let signals = 0
  const forget = context.signals.onTerminate(() => {
    signals += 1
    if (signals === 1) ask()
    else context.signals.exitNow(INTERRUPTED)
  })
  try {
    const running = await loaded.start()
    context.stderr.write(`countersign ${name} is ready\n${indent(formatFields(running.summary))}\n`)
    await asked
    context.stderr.write(`countersign ${name} is stopping; a second signal ends it at once\n`)
    await running.stop()
  } finally {
    forget()
  }
}

function indent(text: string): string {
  return text.replace(/^/gm, '  ')
}
