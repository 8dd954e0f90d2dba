import type { LogLevelChange } from '@countersign/api'
import { Argument, type Command, Option } from 'commander'
import { parseDuration } from './parse-duration.ts'

export interface LogLevelOptions {
  readonly component?: string
  readonly for?: number
}

export function addComponentOption(command: Command): Command {
  return command.addOption(new Option('--component <name>', 'one part of the program; `log-level get` lists them'))
}

export function addLevelArguments(command: Command): Command {
  const level = new Argument('<level>', 'least severe level that is logged')
  return addComponentOption(command.addArgument(level.choices(['debug', 'info', 'warn', 'error']))).addOption(
    new Option('--for <duration>', 'reset by itself after that time, at most 7d').argParser(parseDuration),
  )
}

export function toLogLevelChange(level: string, { component, for: forSeconds }: LogLevelOptions): LogLevelChange {
  return {
    level: level as LogLevelChange['level'],
    ...(component !== undefined && { component }),
    ...(forSeconds !== undefined && { forSeconds }),
  }
}
