import { collectFields, optionalAccessToken, optionalTxnToken, SIGNATURE_TAG } from '@countersign/protocol'

const FIELDS = new Set([
  'authorization',
  'dpop',
  'signature',
  'signature-input',
  'txn-token',
  'workload-identity-token',
  'workload-proof-token',
])

/** What a request brings along, looked at before anything of it is believed. */
export class CallTokens {
  readonly #fields: ReadonlyMap<string, readonly string[]>

  /** @throws RequestError `ERR_REQUEST_HEADERS_TOO_LARGE` */
  constructor(rawHeaders: readonly string[]) {
    this.#fields = collectFields(rawHeaders, FIELDS)
  }

  get claimsIdentity(): boolean {
    return this.#fields.has('workload-identity-token') || this.hasProofToken
  }

  get hasProofToken(): boolean {
    return this.#fields.has('workload-proof-token')
  }

  /** Other parties sign messages too: beside a proof token, a signature counts only if it says that it is for workloads. */
  get isSigned(): boolean {
    if (!this.#fields.has('signature') && !this.#fields.has('signature-input')) return false
    return !this.hasProofToken || (this.#fields.get('signature-input') ?? []).join().includes(`"${SIGNATURE_TAG}"`)
  }

  /** @throws RequestError `ERR_REQUEST_AUTHORIZATION` when the field came more than once or holds no well-formed token */
  accessToken(): string | undefined {
    return optionalAccessToken(this.#fields.get('authorization'))
  }

  /** How the access token is shown; `undefined` without one. */
  accessScheme(): 'Bearer' | 'DPoP' | undefined {
    const scheme = this.#fields.get('authorization')?.[0]?.split(/\s/, 1)[0]?.toLowerCase()
    if (scheme === 'bearer') return 'Bearer'
    return scheme === 'dpop' ? 'DPoP' : undefined
  }

  dpopProofs(): readonly string[] {
    return this.#fields.get('dpop') ?? []
  }

  /** As {@link accessToken}, under the scheme `Bearer` alone: a DPoP token is not for whoever shows it. */
  bearerToken(): string | undefined {
    const token = this.accessToken()
    return this.accessScheme() === 'Bearer' ? token : undefined
  }

  /** @throws RequestError `ERR_REQUEST_TXN_TOKEN` when the field came more than once */
  txnToken(): string | undefined {
    return optionalTxnToken(this.#fields.get('txn-token'))
  }
}
