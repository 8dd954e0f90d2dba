import { TOKEN_TYPES } from '@countersign/protocol/exchange'
import { InvalidArgumentError } from 'commander'

/** Short names of token types, in the order of the help. */
const NAMES: Readonly<Record<string, string>> = {
  'access-token': TOKEN_TYPES.accessToken,
  'id-token': TOKEN_TYPES.idToken,
  jwt: TOKEN_TYPES.jwt,
  'jwt-svid': TOKEN_TYPES.jwtSvid,
  'x509-svid': TOKEN_TYPES.x509Svid,
  wit: TOKEN_TYPES.wit,
  'txn-token': TOKEN_TYPES.txnToken,
}

export const TOKEN_TYPE_NAMES = Object.keys(NAMES).join(', ')

/** A short name, or the URN itself. */
export function parseTokenType(text: string): string {
  if (Object.hasOwn(NAMES, text)) return NAMES[text] as string
  if (text.startsWith('urn:')) return text
  throw new InvalidArgumentError(`Expected one of ${TOKEN_TYPE_NAMES}, or a URN.`)
}
