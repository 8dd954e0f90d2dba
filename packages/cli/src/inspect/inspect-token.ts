import { decodeToken } from './decode-token.ts'
import { explainClaim, explainHeader } from './explain-claim.ts'
import { field, type Inspection } from './inspection.ts'
import { redactPrivate } from './redact-private.ts'
import { tokenKind } from './token-kind.ts'
import { tokenWarnings } from './token-warnings.ts'

/**
 * Explains a compact JWS. The signature itself is left out, so that what is printed cannot be used.
 *
 * @throws InspectError `ERR_INSPECT_MALFORMED`
 */
export function inspectToken(token: string, now: number): Inspection {
  const decoded = decodeToken(token)
  const { kind, title } = tokenKind(decoded.header, decoded.claims)
  return {
    kind,
    title,
    parts: [
      {
        title: 'header',
        fields: Object.entries(decoded.header).map(([name, value]) =>
          field(name, redactPrivate(value, name), explainHeader(name, value, now, kind)),
        ),
      },
      {
        title: 'claims',
        fields: Object.entries(decoded.claims).map(([name, value]) =>
          field(name, redactPrivate(value, name), explainClaim(name, value, now, kind)),
        ),
      },
    ],
    warnings: tokenWarnings(token, decoded, kind, now),
  }
}
