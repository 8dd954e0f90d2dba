import { isoTime, relativeTime } from '../terminal/time-text.ts'
import type { InspectedKind } from './inspection.ts'
import { isJsonObject } from './json-record.ts'

type Explain = (value: unknown, now: number, kind: InspectedKind) => string | undefined

const time =
  (what: string): Explain =>
  (value, now) =>
    typeof value === 'number' ? `${what} ${isoTime(value)}, ${relativeTime(value, now)}` : undefined

const text =
  (meaning: string): Explain =>
  () =>
    meaning

const CLAIMS: Readonly<Record<string, Explain>> = {
  iss: text('who issued it; says nothing about which key to use'),
  sub: (_, __, kind) => (kind === 'wit' || kind === 'jwt-svid' ? 'the workload it names' : 'whom it is about'),
  aud: (value) => (Array.isArray(value) && value.length > 1 ? 'for any of these' : 'for whom it is meant'),
  exp: time('ends'),
  nbf: time('begins'),
  iat: time('issued'),
  auth_time: time('user authenticated'),
  jti: text('unique id'),
  cnf: (value) =>
    isJsonObject(value) && isJsonObject(value['jwk'])
      ? 'only the holder of this key can use it'
      : 'only the holder of the key named here can use it',
  wth: text('SHA-256 of the WIT it goes with'),
  ath: text('SHA-256 of the access token it goes with'),
  tth: text('SHA-256 of the transaction token it goes with'),
  oth: text('SHA-256 of further tokens, by header field'),
  txn: text('one id for the whole chain of calls'),
  tctx: text('details of the transaction, fixed'),
  rctx: text('environment of the request'),
  req_wl: text('workload that asked for the transaction token'),
  scope: (_, __, kind) => (kind === 'txn-token' ? 'what the transaction is for' : 'what it allows'),
  client_id: text('OAuth client it was issued to'),
  act: text('who acts for the subject; the outermost counts'),
  may_act: text('who may act for the subject'),
  azp: text('client the ID token was issued to'),
  nonce: text("the client's own value, against replay"),
  at_hash: text('hash of the access token issued with it'),
  htm: text('HTTP method it proves'),
  htu: text('HTTP URI it proves'),
  'kubernetes.io': text('Kubernetes object the token is bound to'),
}

const HEADER: Readonly<Record<string, Explain>> = {
  alg: text('signature algorithm'),
  typ: text('what kind of token it says it is'),
  kid: text('name of the signing key'),
  crit: text('extensions that a verifier must understand or refuse'),
  jwk: text('a key inside the token: never a reason to trust it'),
  jku: text('a place to fetch keys from: never followed'),
  x5u: text('a place to fetch certificates from: never followed'),
  x5c: text('certificates inside the token: never a reason to trust it'),
}

/** What a claim means, in a few words; `undefined` for one that is not known here. */
export function explainClaim(name: string, value: unknown, now: number, kind: InspectedKind): string | undefined {
  return Object.hasOwn(CLAIMS, name) ? CLAIMS[name]?.(value, now, kind) : undefined
}

export function explainHeader(name: string, value: unknown, now: number, kind: InspectedKind): string | undefined {
  return Object.hasOwn(HEADER, name) ? HEADER[name]?.(value, now, kind) : undefined
}
