import { AuthenticityError } from '@countersign/protocol'

export type TlsErrorCode =
  | 'ERR_TLS_NO_CERTIFICATE'
  | 'ERR_TLS_HANDSHAKE'
  | 'ERR_TLS_TIMEOUT'
  | 'ERR_TLS_OPENSSL_REFUSED'
  | 'ERR_TLS_SESSION_RESUMED'
  | 'ERR_TLS_HOST_NAME'
  | 'ERR_TLS_NO_EXPECTATION'

/** A connection whose other end was not proved, for a reason outside its certificate (those are `CertificateError`). */
export class TlsError extends AuthenticityError<TlsErrorCode> {}
