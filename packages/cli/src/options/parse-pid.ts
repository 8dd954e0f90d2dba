import { InvalidArgumentError } from 'commander'

<<<<<<< HEAD
export function parsePid(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new InvalidArgumentError('Expected the number of a process.')
  return Number(text)
=======
/** The largest process id that Linux can be told to give. */
const MAX_PID = 4_194_304

/** @throws InvalidArgumentError for what is no process id */
export function parsePid(text: string): number {
  const pid = Number(text)
  if (/^[1-9][0-9]*$/.test(text) && pid <= MAX_PID) return pid
  throw new InvalidArgumentError('Expected the number of a process.')
>>>>>>> 0637a56 (feat(cli): fetch credentials of another program through the Broker API)
}
