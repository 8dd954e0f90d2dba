import { InvalidArgumentError } from 'commander'

/** The number of a change, as `revision` in what the server prints. */
export function parseRevision(text: string): string {
  if (/^[0-9]{1,15}$/.test(text)) return text
  throw new InvalidArgumentError('Expected the number of a revision.')
}
