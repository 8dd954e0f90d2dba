import { FederationError } from './federation-error.ts'

/** Errors that node:tls reports when the peer's certificate does not hold. */
const CERTIFICATE_FAILURE = /CERT|SELF_SIGNED|UNABLE_TO_|HOSTNAME|CRL_|PATH_LENGTH|INVALID_(?:CA|PURPOSE)/
/** Errors of OpenSSL before there is a certificate to judge. */
const TLS_FAILURE = /^(?:ERR_SSL_|ERR_TLS_|EPROTO)/

/** What went wrong on the network, as one of this area's codes. */
export function asFederationError(error: unknown, signal: AbortSignal): FederationError {
  if (error instanceof FederationError) return error
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
  const context = { ...(code === undefined ? {} : { detail: code }), cause: error }
  if (signal.aborted) {
    return new FederationError('ERR_FEDERATION_TIMEOUT', 'bundle endpoint did not answer in time', context)
  }
  if (code !== undefined && CERTIFICATE_FAILURE.test(code)) {
    return new FederationError('ERR_FEDERATION_CERTIFICATE', "bundle endpoint's certificate is not trusted", context)
  }
  if (code !== undefined && TLS_FAILURE.test(code)) {
    return new FederationError('ERR_FEDERATION_TLS', 'bundle endpoint does not agree on TLS', context)
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new FederationError('ERR_FEDERATION_TOO_LARGE', "bundle endpoint's answer has too large a header", context)
  }
  if (code?.startsWith('HPE_')) {
    return new FederationError('ERR_FEDERATION_BUNDLE', 'bundle endpoint does not answer in HTTP', context)
  }
  return new FederationError('ERR_FEDERATION_UNREACHABLE', 'bundle endpoint cannot be reached', context)
}
