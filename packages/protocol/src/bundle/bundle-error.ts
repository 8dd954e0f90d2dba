import { AuthenticityError } from '../errors/workload-identity-error.ts'

export type BundleErrorCode = 'ERR_BUNDLE_MALFORMED' | 'ERR_BUNDLE_DUPLICATE_KEY_ID' | 'ERR_BUNDLE_TOO_LARGE'

/** A trust bundle that cannot be used at all. Single unusable keys are left out instead. */
export class BundleError extends AuthenticityError<BundleErrorCode> {}
