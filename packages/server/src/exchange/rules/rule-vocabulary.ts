import type { TokenProfile, TokenProfileIn, TokenProfileOut } from '@countersign/plugin-kit'
import { OWN_ISSUER } from '../own-token-keys.ts'
import { REGISTERED_CLIENT_PROFILE, REGISTERED_CLIENTS } from '../registered-clients.ts'
import type { IssuerConfig } from '../token-service-schema.ts'

/** What there is for rules to name. */
export interface RuleVocabulary {
  /** The service's issuer identifier. */
  readonly ownAudience: string
  readonly trustDomain: string
  /** Profiles that take tokens, and those that give them, by name. */
  readonly inProfiles: ReadonlyMap<string, Pick<TokenProfileIn, 'roles' | 'isBound'>>
  readonly outProfiles: ReadonlyMap<string, Pick<TokenProfileOut, 'binding'>>
  /** Whether it is the name of a configured issuer, or a trust domain. */
  readonly isIssuer: (name: string) => boolean
  /** Whether there can be a token of this profile by which that issuer vouches. */
  readonly vouches: (issuer: string, profile: string) => boolean
}

export interface VocabularySources {
  readonly ownAudience: string
  readonly trustDomain: string
  readonly profiles: ReadonlyMap<string, TokenProfile>
  readonly issuers: readonly Pick<IssuerConfig, 'name' | 'profiles'>[]
}

/** The vocabulary that profiles and configuration make up. */
export function createVocabulary({ profiles, issuers, ...own }: VocabularySources): RuleVocabulary {
  const configured = new Map(issuers.map((issuer) => [issuer.name, issuer]))
  const inProfiles = new Map<string, Pick<TokenProfileIn, 'roles' | 'isBound'>>([
    [REGISTERED_CLIENT_PROFILE, { roles: ['client'], isBound: false }],
  ])
  const outProfiles = new Map<string, Pick<TokenProfileOut, 'binding'>>()
  for (const [name, profile] of profiles) {
    if (profile.in !== undefined) inProfiles.set(name, profile.in)
    if (profile.out !== undefined) outProfiles.set(name, profile.out)
  }
  return {
    ...own,
    inProfiles,
    outProfiles,
    isIssuer: (name) =>
      name === OWN_ISSUER ||
      name === REGISTERED_CLIENTS ||
      name === own.trustDomain ||
      // Trust domains come and go with federation; a rule may be written before.
      name.includes('.') ||
      configured.has(name),
    vouches(issuer, profile) {
      if (issuer === REGISTERED_CLIENTS || profile === REGISTERED_CLIENT_PROFILE) {
        return issuer === REGISTERED_CLIENTS && profile === REGISTERED_CLIENT_PROFILE
      }
      const vouchers = profiles.get(profile)?.in?.vouchers ?? []
      if (issuer === OWN_ISSUER) return vouchers.includes('self')
      const config = configured.get(issuer)
      return config === undefined ? vouchers.includes('trust-domain') : config.profiles.includes(profile)
    },
  }
}
