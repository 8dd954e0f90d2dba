import { InvalidArgumentError } from 'commander'

/** The largest process id that Linux can be told to give. */
const MAX_PID = 4_194_304

/** @throws InvalidArgumentError for what is no process id */
export function parsePid(text: string): number {
  const pid = Number(text)
  if (/^[1-9][0-9]*$/.test(text) && pid <= MAX_PID) return pid
  throw new InvalidArgumentError('Expected the number of a process.')
}
