import { type ErrorContext, WorkloadIdentityError } from '@countersign/protocol'

export type AdminErrorCode =
  | 'ERR_ADMIN_FORBIDDEN'
  | 'ERR_ADMIN_NO_ROLE'
  | 'ERR_ADMIN_NO_CREDENTIAL'
  | 'ERR_ADMIN_NO_CERTIFICATE'
  | 'ERR_ADMIN_CERTIFICATE'
  | 'ERR_ADMIN_PEER'
  | 'ERR_ADMIN_TOKEN'
  | 'ERR_ADMIN_TOKEN_KEYS'

/** An administrative call that is refused: nobody knows who calls, or who calls may not. */
export class AdminError extends WorkloadIdentityError<AdminErrorCode> {
  /** Sent with the answer. */
  readonly headers: Readonly<Record<string, string>>

  constructor(
    code: AdminErrorCode,
    message: string,
    { headers = {}, ...context }: ErrorContext & { readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(code, message, context)
    this.headers = headers
  }
}
