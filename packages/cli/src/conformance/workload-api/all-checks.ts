import type { Check } from './check.ts'
import { AUTHORITY_CHECKS } from './groups/authority.ts'
import { ENDPOINT_CHECKS } from './groups/endpoint.ts'
import { JWT_SVID_CHECKS } from './groups/jwt-svid.ts'
import { METADATA_CHECKS } from './groups/metadata.ts'
import { NO_IDENTITY_CHECKS } from './groups/no-identity.ts'
import { REFLECTION_CHECKS } from './groups/reflection.ts'
import { ROBUSTNESS_CHECKS } from './groups/robustness.ts'
import { RPC_CHECKS } from './groups/rpc.ts'
import { STREAM_CHECKS } from './groups/streams.ts'
import { JWT_BUNDLE_CHECKS, WIT_BUNDLE_CHECKS } from './groups/token-bundles.ts'
import { VALIDATE_CHECKS } from './groups/validate-jwt-svid.ts'
import { WIT_SVID_CHECKS } from './groups/wit-svid.ts'
import { X509_BUNDLE_CHECKS } from './groups/x509-bundles.ts'
import { X509_LEAF_CHECKS } from './groups/x509-leaf.ts'
import { X509_SVID_CHECKS } from './groups/x509-svid.ts'

export interface CheckGroup {
  readonly title: string
  readonly checks: readonly Check[]
}

/** All checks, in the order they run: what others need first, what strains the server last. */
export const CHECK_GROUPS: readonly CheckGroup[] = [
  { title: 'Endpoint', checks: ENDPOINT_CHECKS },
  { title: 'Methods', checks: RPC_CHECKS },
  { title: 'Security header', checks: METADATA_CHECKS },
  { title: 'Reflection and extension', checks: REFLECTION_CHECKS },
  { title: 'Streams', checks: STREAM_CHECKS },
  { title: 'X509-SVIDs', checks: X509_SVID_CHECKS },
  { title: 'Leaf certificates', checks: X509_LEAF_CHECKS },
  { title: 'X.509 bundles', checks: X509_BUNDLE_CHECKS },
  { title: 'JWT-SVIDs', checks: JWT_SVID_CHECKS },
  { title: 'JWT bundles', checks: JWT_BUNDLE_CHECKS },
  { title: 'Validation of JWT-SVIDs', checks: VALIDATE_CHECKS },
  { title: 'WIT-SVIDs', checks: WIT_SVID_CHECKS },
  { title: 'WIT bundles', checks: WIT_BUNDLE_CHECKS },
  { title: 'A process without an identity', checks: NO_IDENTITY_CHECKS },
  { title: 'Authorities that gRPC clients send', checks: AUTHORITY_CHECKS },
  { title: 'Robustness', checks: ROBUSTNESS_CHECKS },
]

export const ALL_CHECKS: readonly Check[] = CHECK_GROUPS.flatMap(({ checks }) => checks)
