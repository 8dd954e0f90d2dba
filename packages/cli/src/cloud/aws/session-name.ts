import { InvalidArgumentError } from 'commander'

/** `RoleSessionName` of STS: 2 to 64 characters of these. */
const SESSION_NAME = /^[A-Za-z0-9_+=,.@-]{2,64}$/
const MAX = 64

/** @throws InvalidArgumentError of commander */
export function parseSessionName(text: string): string {
  if (SESSION_NAME.test(text)) return text
  throw new InvalidArgumentError('Expected 2 to 64 letters, digits and _ + = , . @ -.')
}

/**
 * What CloudTrail shows of a session: the end of the SPIFFE ID, in the characters that are allowed there. It decides
 * nothing; the subject is in the log as well.
 */
export function sessionNameOf(subject: string): string {
  const name = subject
    .replace(/^[a-z]+:\/\//, '')
    .replaceAll('/', '.')
    .replace(/[^A-Za-z0-9_+=,.@-]/g, '-')
  return name.slice(-MAX).padStart(2, '-')
}
