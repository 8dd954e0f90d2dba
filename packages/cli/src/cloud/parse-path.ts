import { InvalidArgumentError } from 'commander'

const PATH = /^\/[^\u0000-\u001f\u007f]{1,1000}$/

/** A path of the machine where the program runs. @throws InvalidArgumentError of commander */
export function parsePath(text: string): string {
  if (PATH.test(text)) return text
  throw new InvalidArgumentError('Expected an absolute path.')
}
