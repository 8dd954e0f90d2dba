import { IdentifierError } from '../identifier/identifier-error.ts'
import { WorkloadId } from '../identifier/workload-id.ts'
import { CredentialError } from '../verification/credential-error.ts'
import type { Actor } from './actor-chain.ts'

/**
 * Says of each actor whose name for it that is: names of one issuer mean nothing to another.
 *
 * @param issuer whose token it is; what it does not attribute to another is its own word
 * @param own issuer identifier of this server
 * @throws CredentialError `ERR_CREDENTIAL_ACTOR` when one is said to be named by this server: another one cannot speak for
 *   it, and a token that comes back to where it was turns in a circle
 * @see RFC 8693 section 4.1
 */
export function qualifyActors(actor: Actor | undefined, issuer: string, own: string): Actor | undefined {
  if (actor === undefined) return undefined
  if (actor.issuer === own) {
    throw new CredentialError('ERR_CREDENTIAL_ACTOR', 'chain of actors leads back to this server')
  }
  const previous = qualifyActors(actor.previous, issuer, own)
  return {
    subject: actor.subject,
    issuer: actor.issuer ?? issuer,
    ...(previous === undefined ? {} : { previous }),
  }
}

/**
 * Refuses a name of this trust domain's own workloads: no other domain speaks for them, whatever the rules say.
 *
 * @throws CredentialError `ERR_CREDENTIAL_SUBJECT`
 */
export function requireForeignName(name: string, trustDomain: string): void {
  if (!isOwn(name, trustDomain)) return
  throw new CredentialError('ERR_CREDENTIAL_SUBJECT', 'another domain cannot name workloads of this one')
}

/**
 * The same of everyone who acted: who reads the chain later sees names, and may believe them.
 *
 * @throws CredentialError `ERR_CREDENTIAL_ACTOR`
 */
export function requireForeignActors(actor: Actor | undefined, trustDomain: string): void {
  if (actor === undefined) return
  if (isOwn(actor.subject, trustDomain)) {
    throw new CredentialError('ERR_CREDENTIAL_ACTOR', 'another domain cannot name workloads of this one as actors')
  }
  requireForeignActors(actor.previous, trustDomain)
}

function isOwn(name: string, trustDomain: string): boolean {
  if (!/^(?:spiffe|wimse):/i.test(name)) return false
  try {
    return WorkloadId.parse(name).trustDomain === trustDomain
  } catch (error) {
    if (!(error instanceof IdentifierError)) throw error
    // Near enough to one to be taken for one.
    return true
  }
}
