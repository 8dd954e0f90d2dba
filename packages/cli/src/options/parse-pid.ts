import { InvalidArgumentError } from 'commander'

export function parsePid(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new InvalidArgumentError('Expected the number of a process.')
  return Number(text)
}
