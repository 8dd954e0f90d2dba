import { type Actor, prependActor } from './actor-chain.ts'
import type { ExchangedSubject } from './exchanged-subject.ts'

/**
 * Who acted for a subject, for a token outside of the transaction: those who asked for its tokens, the last one outermost,
 * before those who acted earlier. Within the transaction they are its requesting workloads, and `act` never changes; whoever
 * gets another token knows of no transaction, and must see them all the same.
 *
 * @returns as it was for what is no Transaction Token
 * @throws CredentialError `ERR_CREDENTIAL_ACTOR` when the chain would be longer than `maxActors`
 * @see RFC 8693 section 4.1; draft-ietf-oauth-transaction-tokens, "Txn-Token Format" (`req_wl`)
 */
export function actorsOfTransaction(
  { transaction, actor, subject }: Pick<ExchangedSubject, 'transaction' | 'actor' | 'subject'>,
  maxActors?: number,
): Actor | undefined {
  const asked = transaction?.requestingWorkloads ?? []
  return asked.reduce<Actor | undefined>((previous, name) => {
    // A job that began a transaction for itself acts for nobody.
    if (previous === undefined && name === subject) return undefined
    return prependActor({ subject: name }, previous, maxActors)
  }, actor)
}
