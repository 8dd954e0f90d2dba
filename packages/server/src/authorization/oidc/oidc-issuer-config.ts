import { SIGNATURE_ALGORITHMS } from '@countersign/protocol'
import { type Static, Type } from 'typebox'

const text = (maxLength: number, description: string) => Type.String({ minLength: 1, maxLength, description })

/** An OpenID Connect issuer whose users may be given roles. */
export const OidcIssuerConfig = Type.Object({
  issuer: text(2048, 'https URL of the issuer, exactly as it stands in its tokens'),
  audience: text(2048, 'what tokens for this server name as their audience: a client id, or a resource'),
  claims: Type.Array(text(64, 'name of a claim'), {
    default: ['sub'],
    minItems: 1,
    maxItems: 16,
    description: 'claims by which roles may be given; of email, only addresses that the issuer calls verified',
  }),
  algorithms: Type.Array(Type.Union(SIGNATURE_ALGORITHMS.map((alg) => Type.Literal(alg))), {
    default: ['RS256', 'ES256'],
    minItems: 1,
    description: 'signature algorithms that are accepted',
  }),
  authorizedParties: Type.Optional(
    Type.Array(text(255, 'client id'), {
      minItems: 1,
      maxItems: 64,
      description: 'clients (azp, client_id) whose tokens are taken; without it, the audience alone',
    }),
  ),
  keysFile: Type.Optional(text(4096, 'JSON Web Key Set to use instead of discovery')),
  webRootsFile: Type.Optional(text(4096, "PEM roots for the issuer's certificate instead of the public Web PKI")),
  allowedAddresses: Type.Optional(
    Type.Array(text(64, 'address or range'), {
      maxItems: 16,
      description: 'addresses the issuer may have besides those of the public Internet',
    }),
  ),
})
export type OidcIssuerConfig = Static<typeof OidcIssuerConfig>
