import { parseTokenKeys, TrustStore, WitVerifier } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import {
  optional,
  requireArray,
  requireBoolean,
  requireNumber,
  requireObject,
  requireOneOf,
  requireString,
  requireStrings,
} from './shape.ts'
import type { TestCase } from './test-case.ts'

/** Configuration keys that shape how a WIT is judged. */
export const WIT_CONFIG_KEYS = [
  'trust',
  'enforce_issuers',
  'clock_skew',
  'max_wit_lifetime',
  'require_kid',
  'reject_future_iat',
  'profile',
] as const

/** The product's verifier, configured as a case says. A case that sets no clock skew grants none. */
export function witVerifierFor({ id, config }: TestCase, extra: { readonly maxAgeSeconds?: number } = {}): WitVerifier {
  const at = (key: string) => `${id}: config.${key}`
  const number = (key: string) => optional(config[key], at(key), requireNumber)
  const flag = (key: string) => optional(config[key], at(key), requireBoolean) ?? false
  const maxLifetimeSeconds = number('max_wit_lifetime')
  return new WitVerifier({
    trust: parseTrust(config['trust'], at('trust')),
    crypto: nodeCrypto,
    profile:
      optional(config['profile'], at('profile'), (value, place) => requireOneOf(value, ['wit-svid'], place)) ?? 'wimse',
    clockSkewSeconds: number('clock_skew') ?? 0,
    requireKeyId: flag('require_kid'),
    enforceIssuers: flag('enforce_issuers'),
    rejectFutureIssuedAt: flag('reject_future_iat'),
    ...(maxLifetimeSeconds === undefined ? {} : { maxLifetimeSeconds }),
    ...extra,
  })
}

function parseTrust(value: unknown, place: string): TrustStore {
  const trust = new TrustStore(nodeCrypto)
  requireArray(value, place).forEach((item, index) => {
    const at = (member: string) => `${place}[${index}].${member}`
    const anchor = requireObject(item, `${place}[${index}]`)
    const jwks = optional(anchor['jwks'], at('jwks'), requireObject)
    trust.set(requireString(anchor['origin'], at('origin')), {
      issuers: optional(anchor['issuers'], at('issuers'), requireStrings) ?? [],
      witKeys: jwks === undefined ? [] : parseTokenKeys(requireArray(jwks['keys'], at('jwks.keys')), 'wit-svid', 'sig'),
    })
  })
  return trust
}
