import { CredentialError, IdentifierError, WorkloadId } from '@countersign/protocol'
import type { Actor } from '@countersign/protocol/exchange'

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
export function requireForeignActor(actor: Actor | undefined, trustDomain: string): void {
  if (actor === undefined) return
  if (isOwn(actor.subject, trustDomain)) {
    throw new CredentialError('ERR_CREDENTIAL_ACTOR', 'another domain cannot name workloads of this one as actors')
  }
  requireForeignActor(actor.previous, trustDomain)
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
