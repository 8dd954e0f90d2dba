import type { CommandContext } from '../command-context.ts'
import type { Environment } from '../environment.ts'
import { EXIT } from '../exit.ts'
import type { HeavyModules } from '../heavy-modules.ts'
import { run } from '../run.ts'

/** 2026-11-22T22:00:00Z */
export const NOW = 1_795_384_800

export interface CliResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface CliWorld {
  readonly env?: Environment
  readonly stdin?: string | Uint8Array
  readonly isTTY?: boolean
  readonly modules?: Partial<HeavyModules>
  readonly signals?: CommandContext['signals']
  readonly now?: number
}

/** Runs one command line with every end of it held by the test. */
export async function runCli(args: readonly string[], world: CliWorld = {}): Promise<CliResult> {
  const written = { stdout: '', stderr: '' }
  const stream = (name: keyof typeof written) => ({
    isTTY: world.isTTY ?? false,
    write: (text: string) => {
      written[name] += text
    },
  })
  const code = await run(args, {
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    stdin: (async function* () {
      if (world.stdin !== undefined) yield world.stdin
    })(),
    env: world.env ?? {},
    clock: { now: () => world.now ?? NOW },
    signals: world.signals ?? { onTerminate: () => () => {}, exitNow: refuse },
    modules: {
      server: refuse,
      agent: refuse,
      serverData: refuse,
      workloadApi: refuse,
      brokerApi: refuse,
      sdk: refuse,
      ...world.modules,
    },
    exitCode: EXIT.ok,
  })
  return { code, ...written }
}

function refuse(): never {
  throw new TypeError('this test did not expect that')
}
