import type { TrustedKeys } from '../bundle/trusted-keys.ts'
import type { SignatureAlgorithm } from '../keys/algorithm.ts'
import type { Eventual } from '../keys/crypto-backend.ts'

/**
 * One issuer outside of the SPIFFE world, as configured: a cluster, an identity provider, another authorization server.
 * `iss` of a token only says which of them is meant; it leads to no key that was not configured for it.
 */
export interface TrustedIssuer {
  /** The configured name: what rules and audit call it. Two clusters may have the same `url`, never the same name. */
  readonly name: string
  /** `iss`, compared byte for byte. */
  readonly url: string
  /** The keys as of now. Another object when they have changed. */
  readonly keys: TrustedKeys
  /** Default: all that are asymmetric. */
  readonly algorithms?: readonly SignatureAlgorithm[]
  /** Fetches the keys again, where they come from somewhere: at most once in a while, whoever asks. Never fails. */
  refreshKeys?(): Eventual<void>
}
