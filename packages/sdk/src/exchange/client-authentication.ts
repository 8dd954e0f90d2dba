import { ASSERTION_TYPES } from '@countersign/protocol/exchange'
import { readTokenFile } from './token-input.ts'
import type { TokenRequester } from './token-requester.ts'

/**
 * How a program says to a token service who it is:
 *
 * - `wit`: its identity token with a proof for this one request.
 * - `jwt-svid`: a JWT-SVID for the issuer identifier, as client assertion.
 * - a file with a token of its platform, such as a projected service account token, as client assertion of RFC 7523. It is read
 *   for each request, because platforms replace it.
 * - `none`: where a rule asks for no client, or something that `fetch` adds says it.
 *
 * @see draft-ietf-oauth-spiffe-client-auth; RFC 7523 section 2.2
 */
export type ClientAuthentication = 'wit' | 'jwt-svid' | 'none' | { readonly assertionFile: string }

/** What a request becomes by it. */
export interface AuthenticatedForm {
  readonly parameters: Readonly<Record<string, string>>
  /** Whether the identity token goes along, with a proof. */
  readonly provesWit: boolean
}

/** @throws SdkError `ERR_SDK_TOKEN_FILE`; and as the agent, when it gives no JWT-SVID */
export async function authenticateForm(
  authentication: ClientAuthentication,
  issuer: string,
  requester: TokenRequester,
): Promise<AuthenticatedForm> {
  if (authentication === 'wit') return { parameters: {}, provesWit: true }
  if (authentication === 'none') return { parameters: {}, provesWit: false }
  const [type, assertion] =
    authentication === 'jwt-svid'
      ? [ASSERTION_TYPES.jwtSpiffe, await requester.jwtSvid([issuer])]
      : [ASSERTION_TYPES.jwtBearer, await readTokenFile(authentication.assertionFile)]
  return { parameters: { client_assertion_type: type, client_assertion: assertion }, provesWit: false }
}
