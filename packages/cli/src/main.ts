/** The program `countersign`: runs the command line of this process. */
import { processContext } from './process-context.ts'
import { run } from './run.ts'

// A reader that went away (`countersign entry list | head -1`) is no failure of the command.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1)
})

process.exitCode = await run(process.argv.slice(2), processContext())
