import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { openAdminClient } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { createDemoFolder, type DemoFolder } from '../demo/demo-folder.ts'
import { DemoStage } from '../demo/demo-stage.ts'
import { ownProgramGuide } from '../demo/own-program-guide.ts'
import { jsonReport, textReport } from '../demo/report.ts'
import { runDemo } from '../demo/run-demo.ts'
import { EXIT } from '../exit.ts'
import { addVerb } from '../verb.ts'
import { addDemoEnv } from './demo-env.ts'

interface DemoCommandOptions {
  readonly once?: boolean
  readonly output: 'text' | 'json'
}

/** What a second signal exits with: the shell's number for a process that SIGINT ended. */
const INTERRUPTED = 130
const RESTART_DELAY_MS = 500

/** The script node runs for this very command: every program of the demo is started with it. */
const COMMAND = fileURLToPath(new URL('../../bin/countersign.js', import.meta.url))

export function addDemo(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'demo', {
    does: 'two trust domains, three services, one order, one user, and every attack on them, as real processes on this machine',
    example: ['demo', 'demo --once', 'demo env'],
  })
  command
    .option('--once', 'end after the verdict instead of staying up')
    .action((options: DemoCommandOptions) => playDemo(options, context))
  addDemoEnv(command, context)
}

async function playDemo(options: DemoCommandOptions, context: CommandContext): Promise<void> {
  const folder = createDemoFolder()
  const stage = new DemoStage()
  const asked = Promise.withResolvers<void>()
  let signals = 0
  const forget = context.signals.onTerminate(() => {
    signals += 1
    if (signals === 1) asked.resolve()
    else context.signals.exitNow(INTERRUPTED)
  })
  try {
    await Promise.race([play(options, context, folder, stage, asked.promise), asked.promise])
  } finally {
    await stage.close()
    folder.remove()
    forget()
  }
}

async function play(
  options: DemoCommandOptions,
  context: CommandContext,
  folder: DemoFolder,
  stage: DemoStage,
  asked: Promise<void>,
): Promise<void> {
  const { stdout, stderr } = context
  const report = options.output === 'json' ? jsonReport(stdout) : textReport(stdout, stderr)
  const openAdmin = (adminSocket: string) => openAdminClient(context, { adminSocket })
  const result = await runDemo({ folder, command: COMMAND, openAdmin, report }, stage)
  report.verdict(result)
  if (!result.ok) context.exitCode = EXIT.failed
  if (options.once === true) return
  restartWhatEnds(stage, context)
  if (options.output === 'text') stdout.write(ownProgramGuide(folder.path))
  await asked
}

/** A demo that stays up heals: whatever is killed comes back, with the state it had. */
function restartWhatEnds(stage: DemoStage, { stderr }: CommandContext): void {
  for (const program of stage.lasting) {
    program.onUnexpectedExit(() => {
      stderr.write(`${program.name} ended; starting it again\n`)
      setTimeout(() => program.restart(), RESTART_DELAY_MS)
    })
  }
}
