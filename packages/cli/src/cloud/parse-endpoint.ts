import { InvalidArgumentError } from 'commander'

/** @throws InvalidArgumentError of commander: a token never goes over a connection that is not protected */
export function parseEndpoint(text: string): URL {
  if (URL.canParse(text)) {
    const { protocol, username, password, search, hash } = new URL(text)
    if (protocol === 'https:' && [username, password, search, hash].every((part) => part === '')) return new URL(text)
  }
  throw new InvalidArgumentError('Expected an https URL.')
}
