import type { CloudName } from './clouds.ts'
import { formatShellCommand } from './command-line.ts'

export interface WatchCommand {
  readonly command: string
  readonly cloud: CloudName
  readonly audience: string
  readonly subject: string
  readonly file: string
  readonly socket?: string | undefined
}

/** The command that keeps the token of a file-sourced configuration fresh. */
export function formatWatchCommand({ command, cloud, audience, subject, file, socket }: WatchCommand): string {
  return formatShellCommand(
    [command, 'jwt', 'watch', '--for', cloud],
    ['--audience', audience],
    ['--id', subject],
    ['--file', file],
    ...(socket === undefined ? [] : [['--socket', socket]]),
  )
}
