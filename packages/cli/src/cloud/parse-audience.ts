import { InvalidArgumentError } from 'commander'

const AUDIENCE = /^[A-Za-z0-9._~:/@-]{1,255}$/

/** @throws InvalidArgumentError of commander: AWS takes 255 characters, the least of the three */
export function parseAudience(text: string): string {
  if (AUDIENCE.test(text)) return text
  throw new InvalidArgumentError('Expected up to 255 letters, digits and . _ ~ : / @ -.')
}
