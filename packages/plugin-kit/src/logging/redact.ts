/** The one place that knows what must never be written to a log, an error or a page, by name and by look. */

/** Written instead of a value whose name says that it is secret. */
export const REDACTED = '[redacted]'

/**
 * Names of secret members, in lower case without "-" and "_", so that `joinToken`, `join_token` and `Join-Token` are one.
 * A name that ends with one of these counts too (`clientSecret`), one that goes on does not (`tokenHash`).
 */
export const SECRET_NAMES: readonly string[] = [
  'token',
  'authorization',
  'cookie',
  'password',
  'passphrase',
  'secret',
  'apikey',
  'privatekey',
  'privatejwk',
  'pkcs8',
  'evidence',
  'assertion',
  'jwtsvid',
  'witsvid',
]

/** Secret names too short to be looked for at the end of longer ones. */
export const SHORT_SECRET_NAMES: readonly string[] = ['jwt', 'jws', 'wit', 'wpt', 'dpop', 'pin']

const PRIVATE_JWK_MEMBERS: ReadonlySet<string> = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv', 'seed'])

/** Whether the value of a member with this name is never logged. Plurals count. */
export function isSecretName(name: string): boolean {
  const plain = name.toLowerCase().replace(/[-_]/g, '')
  const singular = plain.endsWith('s') ? plain.slice(0, -1) : plain
  return (
    SECRET_NAMES.some((secret) => singular.endsWith(secret)) ||
    SHORT_SECRET_NAMES.some((secret) => secret === plain || secret === singular)
  )
}

/** Whether a member is the private part of a JSON Web Key (RFC 7518 section 6, RFC 8037 section 2). */
export function isPrivateJwkMember(name: string, owner: object): boolean {
  return PRIVATE_JWK_MEMBERS.has(name) && Object.hasOwn(owner, 'kty')
}

// Each pattern is linear in the text: runs are matched whole, and nothing is tried twice.
const DOTTED_RUN = /[\w.-]{16,}/g
const PEM_PRIVATE_KEY =
  /-----BEGIN ([A-Z0-9 ]{0,40}PRIVATE KEY)-----(?:(?!-----END )[\s\S])*(?:-----END [A-Z0-9 ]{0,40}-----)?/g
const JSON_PRIVATE_MEMBER = /(\\?"(?:d|p|q|dp|dq|qi|k)\\?"\s*:\s*\\?")[\w+/=-]{16,}/g
const AUTHORIZATION_VALUE = /\b(bearer|dpop|basic)\s+[\w.~+/=-]{20,}/gi

/**
 * Blanks what looks like a credential inside a text: compact JWS and JWE, PEM private keys (cut short ones too), private
 * members of a JWK written as JSON, and the value of an Authorization header. Everything else stays as it is.
 */
export function redactText(text: string): string {
  return text
    .replace(PEM_PRIVATE_KEY, '[redacted private key]')
    .replace(JSON_PRIVATE_MEMBER, `$1${REDACTED}`)
    .replace(DOTTED_RUN, redactCompactTokens)
    .replace(AUTHORIZATION_VALUE, `$1 ${REDACTED}`)
}

/** Blanks from the first segment that decodes to the start of a JSON object, if two more follow it. */
function redactCompactTokens(run: string): string {
  const segments = run.split('.')
  for (let index = 0; index < segments.length - 2; index++) {
    const start = startOfJoseHeader(segments[index] ?? '')
    if (start === undefined) continue
    const before = segments.slice(0, index).map((segment) => `${segment}.`)
    return `${before.join('')}${segments[index]?.slice(0, start)}[redacted token]`
  }
  return run
}

/** Where `{"` begins in base64url, even glued to a name (`token-eyJ…`). A hostname is not JSON once decoded. */
function startOfJoseHeader(segment: string): number | undefined {
  for (const { index } of segment.matchAll(/e[yw]/g)) {
    const opening = Buffer.from(segment.slice(index, index + 16), 'base64url').toString('latin1')
    if (/^\{\s*"/.test(opening)) return index
  }
  return undefined
}
