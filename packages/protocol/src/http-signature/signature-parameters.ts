import { SignatureError } from './signature-error.ts'
import type { BareItem, Parameters } from './structured-field.ts'

const MAX_NONCE_LENGTH = 1024

type ValueOf<T extends BareItem['type']> = T extends 'integer'
  ? number
  : T extends 'boolean'
    ? boolean
    : T extends 'bytes'
      ? Uint8Array
      : string

/** What a signature says of itself, checked for shape only. Times in seconds since the Unix epoch. */
export interface SignatureParameters {
  readonly created: number
  readonly expires: number
  readonly nonce: string
}

/**
 * Key and algorithm come from the credential; a second opinion in the message could only differ from it.
 *
 * @throws SignatureError `ERR_SIGNATURE_KEY_ID`, `ERR_SIGNATURE_ALGORITHM`
 */
export function rejectForbiddenParameters(parameters: Parameters): void {
  if (parameters.has('keyid')) throw new SignatureError('ERR_SIGNATURE_KEY_ID', 'signature must not name a key')
  if (parameters.has('alg')) throw new SignatureError('ERR_SIGNATURE_ALGORITHM', 'signature must not name an algorithm')
}

/** @throws SignatureError `ERR_SIGNATURE_PARAMETER` for one that is missing or of another type, `ERR_SIGNATURE_NONCE` */
export function readParameters(parameters: Parameters): SignatureParameters {
  const created = requireParameter(parameters, 'created', 'integer')
  const expires = requireParameter(parameters, 'expires', 'integer')
  const nonce = requireParameter(parameters, 'nonce', 'string')
  if (nonce === '' || nonce.length > MAX_NONCE_LENGTH) {
    throw new SignatureError('ERR_SIGNATURE_NONCE', 'signature has no usable nonce')
  }
  return { created, expires, nonce }
}

/** @throws SignatureError `ERR_SIGNATURE_PARAMETER` */
export function requireParameter<T extends BareItem['type']>(
  parameters: Parameters,
  name: string,
  type: T,
): ValueOf<T> {
  const bare = parameters.get(name)
  if (bare?.type !== type) {
    throw new SignatureError('ERR_SIGNATURE_PARAMETER', `signature parameter "${name}" is missing or no ${type}`)
  }
  return bare.value as ValueOf<T>
}

/** @throws SignatureError `ERR_SIGNATURE_PARAMETER` for anything but a boolean */
export function flagParameter(parameters: Parameters, name: string): boolean {
  return parameters.has(name) && requireParameter(parameters, name, 'boolean')
}
