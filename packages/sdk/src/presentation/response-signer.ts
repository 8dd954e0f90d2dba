import { SdkError } from '../sdk-error.ts'
import type { SignedCall } from '../verification/authenticator.ts'
import type { VerifyingWorkload } from '../verification/verifying-workload.ts'

/** A response that is complete. */
export interface WholeResponse {
  readonly status: number
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[]
  readonly body: Uint8Array
}

/** Signs the one response to a signed request. */
export class ResponseSigner {
  readonly maxBodyBytes: number
  readonly #workload: VerifyingWorkload
  readonly #signed: SignedCall

  constructor(workload: VerifyingWorkload, signed: SignedCall, maxBodyBytes: number) {
    this.#workload = workload
    this.#signed = signed
    this.maxBodyBytes = maxBodyBytes
  }

  /**
   * @returns the response's fields and those that signing adds
   * @throws SdkError `ERR_SDK_RESPONSE_NOT_SIGNED` when this program has no identity to sign with, or the response has a
   *   field that signing writes
   */
  async sign(response: WholeResponse): Promise<readonly string[]> {
    try {
      const { identity, runtime } = this.#workload
      if (identity === undefined) throw new TypeError('the workload has no identity')
      const { request, nonce } = this.#signed
      const content = { request, requestNonce: nonce, now: runtime.now() }
      const added = await identity.signatures.signResponse(response, content)
      return [...response.rawHeaders, ...added.rawHeaders]
    } catch (cause) {
      throw notSigned('a signed response was asked for and could not be made', cause)
    }
  }
}

/** What a response becomes that must be signed and cannot be. */
export function notSigned(message: string, cause?: unknown): SdkError {
  return new SdkError('ERR_SDK_RESPONSE_NOT_SIGNED', message, cause === undefined ? {} : { cause })
}
