import type { JsonObject } from '../encoding/strict-json.ts'
import { type CryptoBackend, type Eventual, whenReady } from '../keys/crypto-backend.ts'
import { KeyError } from '../keys/key-error.ts'
import { type PublicJwk, parsePublicJwk } from '../keys/public-jwk.ts'
import { jwkThumbprint } from '../keys/thumbprint.ts'
import { CredentialError } from '../verification/credential-error.ts'
import { type Confirmation, parseConfirmation } from './confirmation.ts'

/**
 * Reads `requested_cnf` of a grant: "the `cnf` claim of the client", in whichever form the other domain binds its tokens. A
 * whole key (`jwk`) becomes its thumbprint, since that is what the new token says; a thumbprint beside it must be its own.
 *
 * @returns `undefined` for a grant that asks for no key
 * @throws CredentialError `ERR_CREDENTIAL_CONFIRMATION` when it is there and does not name one key that can be proved. Without
 *   it, the token would be a bearer token, or another key's.
 * @see draft-ietf-oauth-identity-chaining, "Delegated Key Binding"; RFC 7800 section 3.2; RFC 7638
 */
export function parseRequestedConfirmation(
  claims: JsonObject,
  crypto: CryptoBackend,
): Eventual<Confirmation | undefined> {
  const cnf = claims['requested_cnf']
  if (!isObject(cnf) || !Object.hasOwn(cnf, 'jwk')) {
    return parseConfirmation(cnf === undefined ? {} : { cnf })
  }
  const { jwk, ...others } = cnf
  const beside = Object.keys(others).length === 0 ? undefined : parseConfirmation({ cnf: others })
  return whenReady(jwkThumbprint(parseSigningKey(jwk), crypto), (thumbprint) => {
    // One reader would go by the one key, and one by the other.
    if (beside !== undefined && (beside.kind !== 'jkt' || beside.thumbprint !== thumbprint)) {
      throw unusable('"requested_cnf" names two keys')
    }
    return { kind: 'jkt', thumbprint }
  })
}

/** A private key in a grant is known to whoever saw the grant: it proves nothing any more. */
function parseSigningKey(value: unknown): PublicJwk {
  try {
    const jwk = parsePublicJwk(value)
    if (jwk.use !== undefined && jwk.use !== 'sig') throw unusable('key in "requested_cnf" is not for signatures')
    return jwk
  } catch (cause) {
    if (!(cause instanceof KeyError)) throw cause
    throw unusable(`key in "requested_cnf": ${cause.message}`, cause)
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function unusable(detail: string, cause?: unknown): CredentialError {
  return new CredentialError('ERR_CREDENTIAL_CONFIRMATION', 'grant asks for a key in an unknown way', {
    detail,
    ...(cause === undefined ? {} : { cause }),
  })
}
