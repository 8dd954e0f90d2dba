import { type CryptoBackend, type Eventual, whenReady } from '../keys/crypto-backend.ts'
import { CredentialError } from '../verification/credential-error.ts'
import type { ReplayMemory } from '../verification/replay-memory.ts'
import {
  type CredentialTimes,
  DEFAULT_CLOCK_SKEW_SECONDS,
  type TimePolicy,
  usableFrom,
} from '../verification/time-window.ts'

/** Longest `jti` read. */
export const MAX_ID_LENGTH = 1024

export interface SingleUseToken {
  /** Who made it. One maker's ids say nothing of another's. */
  readonly issuer: string
  readonly subject: string
  /** `jti`, or what stands for one. */
  readonly id: string
  readonly times: CredentialTimes
}

/**
 * Uses a token up. Comes last, after every other check: what is refused for another reason must not be spent.
 *
 * @throws CredentialError `ERR_CREDENTIAL_LIFETIME` when neither the token (`iat`, `nbf`) nor the policy
 *   (`maxLifetimeSeconds`) tells since when it can have been used
 * @throws CredentialError `ERR_CREDENTIAL_REPLAYED`; `ERR_CREDENTIAL_REPLAY_MEMORY_FULL`,
 *   `ERR_CREDENTIAL_REPLAY_MEMORY_AWAY` when it cannot be told
 */
export function useOnce(
  token: SingleUseToken,
  memory: ReplayMemory,
  crypto: CryptoBackend,
  now: number,
  policy: TimePolicy,
): Eventual<void> {
  const { times, issuer } = token
  const begin = usableFrom(times, policy)
  // It may be of any age: a memory with a gap would have to take it for one from before, or for one from after.
  if (begin === undefined) {
    throw new CredentialError('ERR_CREDENTIAL_LIFETIME', 'credential that is good once has neither "iat" nor "nbf"')
  }
  const end = times.expiresAt + (policy.clockSkewSeconds ?? DEFAULT_CLOCK_SKEW_SECONDS)
  // JSON, since a name with a line break in it could make two tokens look like one. Hashed, for a bounded size.
  return whenReady(crypto.sha256Base64url(JSON.stringify([issuer, token.subject, token.id])), (key) =>
    whenReady(memory.remember(key, end, now, issuer, begin), (answer) => {
      if (answer === 'full') {
        throw new CredentialError('ERR_CREDENTIAL_REPLAY_MEMORY_FULL', 'too many credentials are in use at once')
      }
      if (answer === 'away') {
        throw new CredentialError(
          'ERR_CREDENTIAL_REPLAY_MEMORY_AWAY',
          'whether the credential was used before cannot be told now',
        )
      }
      if (answer === 'forgotten') {
        throw new CredentialError(
          'ERR_CREDENTIAL_REPLAYED',
          'credential may have been used before: a new one is needed',
        )
      }
      if (answer !== 'fresh') throw new CredentialError('ERR_CREDENTIAL_REPLAYED', 'credential was used before')
    }),
  )
}
