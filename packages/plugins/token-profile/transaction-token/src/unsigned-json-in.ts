import type { PresentedToken, TokenProfileHost, TokenProfileIn } from '@countersign/plugin-kit'
import { CredentialError, errorCode, type JsonObject, parseJsonObject } from '@countersign/protocol'
import { type ExchangedSubject, requireScopes, requireText, TOKEN_TYPES } from '@countersign/protocol/exchange'

const PROFILE = 'unsigned-json'
/** A subject, a scope and an end. */
const MAX_LENGTH = 4096
/** It is no older than the request that it came in. */
const LIFETIME_SECONDS = 300

/**
 * Takes a JSON object by which a workload begins a transaction. Nobody vouches for it: it says only what the client says, and
 * counts where a rule lets this client say it.
 *
 * @see draft-ietf-oauth-transaction-tokens, "Unsigned JSON Object Subject Token Type"
 */
export class UnsignedJsonIn implements TokenProfileIn {
  readonly tokenTypes = [TOKEN_TYPES.unsignedJson]
  readonly roles = ['subject'] as const
  readonly vouchers = ['trust-domain'] as const
  readonly isBound = false

  recognises(token: string): boolean {
    try {
      const { sub } = parse(token)
      return typeof sub === 'string' && sub !== ''
    } catch (error) {
      if (errorCode(error) === undefined) throw error
      return false
    }
  }

  async verify({ token, now }: PresentedToken, host: TokenProfileHost): Promise<ExchangedSubject> {
    const claims = parse(token)
    const subject = requireText(claims, 'sub', 'ERR_CREDENTIAL_SUBJECT')
    return {
      profile: PROFILE,
      // Whoever asks is of this trust domain or a rule would not name it here; an identifier of it, this vouches for none.
      issuer: host.trustDomain,
      issuerUrl: TOKEN_TYPES.unsignedJson,
      subject,
      localSubject: `urn:countersign:unsigned-json:${subject}`,
      claims: {},
      scopes: claims['scope'] === undefined ? undefined : requireScopes(claims),
      audience: undefined,
      expiresAt: requireFuture(claims['exp'], now),
      issuedAt: undefined,
      tokenId: undefined,
      confirmation: undefined,
      confirmationKey: undefined,
      actor: undefined,
      mayAct: undefined,
      clientId: undefined,
      transaction: undefined,
      digest: await host.crypto.sha256Base64url(token),
    }
  }
}

/** @throws CredentialError `ERR_CREDENTIAL_MALFORMED` */
function parse(text: string): JsonObject {
  if (text.length > MAX_LENGTH) throw new CredentialError('ERR_CREDENTIAL_MALFORMED', 'subject is too long')
  try {
    return parseJsonObject(text)
  } catch (cause) {
    if (errorCode(cause) === undefined) throw cause
    throw new CredentialError('ERR_CREDENTIAL_MALFORMED', 'subject is not a JSON object that can be read', { cause })
  }
}

/** @throws CredentialError `ERR_CREDENTIAL_EXPIRED`; `ERR_CREDENTIAL_MALFORMED` for an end that is no time */
function requireFuture(exp: unknown, now: number): number {
  if (exp === undefined) return now + LIFETIME_SECONDS
  if (typeof exp !== 'number') throw new CredentialError('ERR_CREDENTIAL_MALFORMED', '"exp" is not a number')
  if (!(exp > now)) throw new CredentialError('ERR_CREDENTIAL_EXPIRED', 'subject has expired')
  return Math.min(exp, now + LIFETIME_SECONDS)
}
