import type { FakeEndpoint } from '../fake-endpoint.ts'
import { type FakeWorld, OWN, PARTNER } from '../fake-world.ts'
import type { Violation, Violations } from './violation.ts'

type Jwk = Record<string, unknown>
type Bundles = FakeWorld['jwtBundles']

function bundleViolations(
  prefix: 'JB' | 'WB',
  kind: 'JWT' | 'WIT',
  bundlesOf: (world: FakeWorld) => Bundles,
): Violations {
  const change =
    (spoil: (bundles: Bundles, world: FakeWorld) => void): Violation =>
    ({ world }: FakeEndpoint) =>
      spoil(bundlesOf(world), world)
  /** In a bundle that verifies no token of this server's. */
  const keys = (...spoiled: readonly Jwk[]) =>
    change((bundles) => {
      bundles[PARTNER] = { keys: [...spoiled] }
    })
  return {
    [`${prefix}-OWN`]: change((bundles) => {
      delete bundles[OWN]
      bundles[PARTNER] = { keys: [] }
    }),
    [`${prefix}-KEYS`]: change((bundles) => {
      bundles['partner.example'] = { keys: [] }
    }),
    [`${prefix}-JWK-SET`]: change((bundles) => {
      bundles[PARTNER] = '[]'
    }),
    [`${prefix}-KTY`]: keys({ ...withoutType(PUBLIC), kid: 'a' }),
    [`${prefix}-ONLY-${kind}-KEYS`]: keys({ ...PUBLIC, kid: 'a', use: 'x509-svid' }),
    [`${prefix}-KID`]: keys(PUBLIC),
    [`${prefix}-PUBLIC`]: keys({ ...PUBLIC, kid: 'a', d: 'AQ' }),
    [`${prefix}-USABLE`]: keys({
      kty: 'OKP',
      crv: 'Ed25519',
      x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
      kid: 'a',
    }),
    [`${prefix}-KID-UNIQUE`]: keys({ ...PUBLIC, kid: 'a' }, { ...PUBLIC, kid: 'a' }),
  }
}

/** RFC 7517 appendix A.1. */
const PUBLIC: Jwk = {
  kty: 'EC',
  crv: 'P-256',
  x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
  y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
}

function withoutType({ kty: _, ...key }: Jwk): Jwk {
  return key
}

export const TOKEN_BUNDLE_VIOLATIONS: Violations = {
  ...bundleViolations('JB', 'JWT', (world) => world.jwtBundles),
  ...bundleViolations('WB', 'WIT', (world) => world.witBundles),
}
