import { CredentialError } from '@countersign/protocol'
import type { ConfiguredIssuer } from './configured-issuer.ts'

/** In `profiles` of an issuer, and in rules: clients for which an attester vouches. */
export const CLIENT_ATTESTATION_PROFILE = 'client-attestation'

/** Those configured issuers that may attest clients. */
export class Attesters {
  readonly #attesters: readonly ConfiguredIssuer[]

  constructor(issuers: readonly ConfiguredIssuer[]) {
    this.#attesters = issuers.filter(({ profiles }) => profiles.has(CLIENT_ATTESTATION_PROFILE))
  }

  get size(): number {
    return this.#attesters.length
  }

  /**
   * The attester that an attestation means. Nothing in it has to name one: of several it is the one that has the key. Of two
   * that call a key alike, `iss` may tell, which older drafts asked for and which is otherwise no more than any other claim.
   * An attester that nothing tells is none: its clients must not be taken for those of another.
   *
   * @throws CredentialError `ERR_CREDENTIAL_ISSUER`
   */
  async find(kid: string | undefined, iss: string | undefined): Promise<ConfiguredIssuer> {
    const named = this.#attesters.filter(({ url }) => url === iss)
    const candidates = named.length > 0 ? named : this.#attesters
    const [only, second] = candidates
    if (only === undefined) throw refused('clients are not taken on the word of an attester here', kid)
    if (second === undefined) return only
    if (kid === undefined) throw refused('attestation does not name the key of its attester', kid)
    // A key that nobody has may be new, and whose it is nothing else says. Each is asked once in its interval at most.
    if (holdersOf(kid, candidates).length === 0) await Promise.all(candidates.map((each) => each.refreshKeys()))
    const [holder, other] = holdersOf(kid, candidates)
    if (holder === undefined) throw refused('no attester has the key that the attestation names', kid)
    if (other === undefined) return holder
    throw refused('several attesters have a key of this name', kid)
  }
}

const holdersOf = (kid: string, attesters: readonly ConfiguredIssuer[]) =>
  attesters.filter((attester) => attester.knowsKey(kid))

function refused(message: string, kid: string | undefined): CredentialError {
  const detail = `kid ${kid === undefined ? 'absent' : `"${kid.slice(0, 64)}"`}`
  return new CredentialError('ERR_CREDENTIAL_ISSUER', message, { detail })
}
