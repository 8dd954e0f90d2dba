import { createHmac } from 'node:crypto'
import { encodeBase64url, encodeUtf8, isSignatureAlgorithm } from '@countersign/protocol'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import type { RawJwk } from './jwk-sets.ts'
import type { RawToken } from './tokens.ts'

/** A copy of a good token in which one thing is wrong. */
export interface Forgery {
  readonly id: string
  readonly title: string
  readonly forge: (good: RawToken, keys: readonly RawJwk[]) => string
}

const STRANGER = 'spiffe://workload-api-conformance.invalid/stranger'

/** Tokens that nobody must believe. JWT-SVID sections 2 to 4. */
export const FORGERIES: readonly Forgery[] = [
  {
    id: 'CHANGED-SIGNATURE',
    title: 'a token with another signature is refused',
    forge: ({ signingInput, signature }) => {
      const other = Uint8Array.from(signature, (octet, index) => (index === 8 ? octet ^ 0x55 : octet))
      return `${signingInput}.${encodeBase64url(other)}`
    },
  },
  {
    id: 'CHANGED-CLAIMS',
    title: 'a token whose claims were changed is refused',
    forge: ({ header, claims, signature }) =>
      `${segment(header)}.${segment({ ...claims, sub: `${claims['sub']}-other` })}.${encodeBase64url(signature)}`,
  },
  {
    id: 'ALG-NONE',
    title: 'a token with alg none is refused',
    forge: ({ header, claims }) => `${segment({ ...header, alg: 'none' })}.${segment(claims)}.`,
  },
  {
    id: 'ALG-HMAC',
    title: 'a token signed with the public key as a secret is refused',
    forge: ({ header, claims }, keys) => {
      const key = keys.find(({ kid }) => kid === header['kid']) ?? keys[0] ?? {}
      const input = `${segment({ ...header, alg: 'HS256' })}.${segment(claims)}`
      return `${input}.${createHmac('sha256', JSON.stringify(key)).update(input).digest('base64url')}`
    },
  },
  {
    id: 'OTHER-KEY',
    title: 'a token signed with a key that is not in the bundle is refused',
    forge: ({ header, claims }) => signWithNewKey(header, claims),
  },
  {
    id: 'OWN-JWK',
    title: 'a token that brings its own key is refused',
    forge({ header, claims }) {
      const key = generateSigningKey('ES256')
      return sign({ ...header, alg: 'ES256', jwk: { ...key.publicJwk } }, claims, key)
    },
  },
  {
    id: 'OTHER-DOMAIN',
    title: 'a token of a trust domain without a bundle is refused',
    forge: ({ header, claims }) => signWithNewKey(header, { ...claims, sub: STRANGER }),
  },
  {
    id: 'JSON',
    title: 'a token in JSON serialization is refused',
    forge({ signingInput, signature }) {
      const [header, payload] = signingInput.split('.')
      return JSON.stringify({ payload, protected: header, signature: encodeBase64url(signature) })
    },
  },
  { id: 'GARBAGE', title: 'what is no token is refused', forge: () => 'not.a.token' },
]

function signWithNewKey(header: RawToken['header'], claims: object): string {
  const alg = isSignatureAlgorithm(header['alg']) ? header['alg'] : 'ES256'
  return sign({ ...header, alg }, claims, generateSigningKey(alg))
}

function sign(header: object, claims: object, key: ReturnType<typeof generateSigningKey>): string {
  const input = `${segment(header)}.${segment(claims)}`
  return `${input}.${encodeBase64url(key.sign(encodeUtf8(input)))}`
}

function segment(value: object): string {
  return encodeBase64url(encodeUtf8(JSON.stringify(value)))
}
