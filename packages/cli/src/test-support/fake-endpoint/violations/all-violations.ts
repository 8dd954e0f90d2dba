import { ENDPOINT_VIOLATIONS } from './endpoint.ts'
import { STREAM_VIOLATIONS } from './streams.ts'
import { TOKEN_BUNDLE_VIOLATIONS } from './token-bundles.ts'
import { TOKEN_VIOLATIONS } from './tokens.ts'
import { VALIDATE_VIOLATIONS } from './validate.ts'
import type { Violations } from './violation.ts'
import { X509_VIOLATIONS } from './x509.ts'

/** One for every check: the proof that it can fail, and that it fails alone. */
export const ALL_VIOLATIONS: Violations = {
  ...ENDPOINT_VIOLATIONS,
  ...STREAM_VIOLATIONS,
  ...X509_VIOLATIONS,
  ...TOKEN_VIOLATIONS,
  ...TOKEN_BUNDLE_VIOLATIONS,
  ...VALIDATE_VIOLATIONS,
}
