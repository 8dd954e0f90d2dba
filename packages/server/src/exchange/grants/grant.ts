import type { RequestProofs } from '../request-proofs.ts'
import type { ExchangeQuestion } from '../rules/decision.ts'
import type { AuthenticatedClient, TokenRequest } from '../token-request.ts'

/** One `grant_type`: turns a request into a question for the rules. One file for each. */
export interface Grant {
  /** Value of `grant_type`. */
  readonly type: string
  /** Whether a client must have authenticated. */
  readonly needsClient: boolean
  /**
   * Verifies the tokens that the request brings.
   *
   * @throws OAuthError with the error that this grant's standard names for each failure
   */
  ask(request: TokenRequest, client: AuthenticatedClient | undefined, proofs: RequestProofs): Promise<ExchangeQuestion>
}
