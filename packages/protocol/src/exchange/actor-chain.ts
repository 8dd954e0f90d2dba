import type { JsonObject } from '../encoding/strict-json.ts'
import { CredentialError } from '../verification/credential-error.ts'

/** Who acts for a subject, and for whom it was acted before. The outermost acts now; only that one counts for access. */
export interface Actor {
  readonly subject: string
  readonly issuer?: string
  /** Who acted before. For the record only: RFC 8693 section 4.1 */
  readonly previous?: Actor
}

/** Actors in one chain where nothing else is set. Enough for a call through many services, few enough to read. */
export const DEFAULT_MAX_ACTORS = 8

const MAX_NAME_LENGTH = 2048

/**
 * Reads `act`.
 *
 * @returns `undefined` without the claim
 * @throws CredentialError `ERR_CREDENTIAL_ACTOR` when it is not a chain of actors with a subject each, or is longer than
 *   `maxActors`
 * @see RFC 8693 section 4.1
 */
export function parseActor(claims: JsonObject, maxActors = DEFAULT_MAX_ACTORS): Actor | undefined {
  const act = claims['act']
  if (act === undefined) return undefined
  if (maxActors <= 0) throw new CredentialError('ERR_CREDENTIAL_ACTOR', 'chain of actors is too long')
  if (typeof act !== 'object' || act === null || Array.isArray(act)) {
    throw new CredentialError('ERR_CREDENTIAL_ACTOR', 'actor is not an object')
  }
  const { sub, iss } = act as JsonObject
  if (!isName(sub)) throw new CredentialError('ERR_CREDENTIAL_ACTOR', 'actor has no subject')
  if (iss !== undefined && !isName(iss)) throw new CredentialError('ERR_CREDENTIAL_ACTOR', 'actor has no usable issuer')
  const previous = parseActor(act as JsonObject, maxActors - 1)
  return {
    subject: sub,
    ...(iss === undefined ? {} : { issuer: iss }),
    ...(previous === undefined ? {} : { previous }),
  }
}

/** The claim `act`. */
export function formatActor(actor: Actor): JsonObject {
  return {
    sub: actor.subject,
    ...(actor.issuer === undefined ? {} : { iss: actor.issuer }),
    ...(actor.previous === undefined ? {} : { act: formatActor(actor.previous) }),
  }
}

/** How many actors a chain has. */
export function countActors(actor: Actor | undefined): number {
  return actor === undefined ? 0 : 1 + countActors(actor.previous)
}

/**
 * Puts the one that acts now before those that acted earlier. An actor that passes the token to itself does not get
 * longer by it.
 *
 * @throws CredentialError `ERR_CREDENTIAL_ACTOR` when the chain would be longer than `maxActors`
 */
export function prependActor(
  now: { readonly subject: string; readonly issuer?: string },
  previous: Actor | undefined,
  maxActors = DEFAULT_MAX_ACTORS,
): Actor {
  if (previous !== undefined && previous.subject === now.subject && previous.issuer === now.issuer) return previous
  if (countActors(previous) >= maxActors) {
    throw new CredentialError('ERR_CREDENTIAL_ACTOR', 'chain of actors is too long')
  }
  return { ...now, ...(previous === undefined ? {} : { previous }) }
}

/** Whom a token lets act for its subject. */
export interface MayAct {
  readonly subject?: string
  readonly issuer?: string
  readonly clientId?: string
}

/**
 * Reads `may_act`.
 *
 * @throws CredentialError `ERR_CREDENTIAL_ACTOR` when it is there and names nobody: to pass over it would let everybody act
 * @see RFC 8693 section 4.4
 */
export function parseMayAct(claims: JsonObject): MayAct | undefined {
  const mayAct = claims['may_act']
  if (mayAct === undefined) return undefined
  if (typeof mayAct !== 'object' || mayAct === null || Array.isArray(mayAct)) {
    throw new CredentialError('ERR_CREDENTIAL_ACTOR', '"may_act" is not an object')
  }
  const { sub, iss, client_id: clientId, ...others } = mayAct as JsonObject
  const named = { sub, iss, client_id: clientId }
  for (const [name, value] of Object.entries(named)) {
    if (value !== undefined && !isName(value)) {
      throw new CredentialError('ERR_CREDENTIAL_ACTOR', `"may_act" has no usable "${name}"`)
    }
  }
  // What is not understood may be what narrows it.
  if ((sub === undefined && clientId === undefined) || Object.keys(others).length > 0) {
    throw new CredentialError('ERR_CREDENTIAL_ACTOR', '"may_act" names nobody in a way known here')
  }
  return {
    ...(sub === undefined ? {} : { subject: sub as string }),
    ...(iss === undefined ? {} : { issuer: iss as string }),
    ...(clientId === undefined ? {} : { clientId: clientId as string }),
  }
}

/** Whether `may_act` means this actor: everything it says must hold. */
export function isMeant(
  mayAct: MayAct,
  actor: { readonly subject: string; readonly issuer: string; readonly clientId?: string | undefined },
): boolean {
  return (
    (mayAct.subject === undefined || mayAct.subject === actor.subject) &&
    (mayAct.issuer === undefined || mayAct.issuer === actor.issuer) &&
    (mayAct.clientId === undefined || mayAct.clientId === actor.clientId)
  )
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_NAME_LENGTH
}
