import type { Component } from './component.ts'
import { componentValue } from './component-value.ts'
import type { SignedExchange } from './signed-exchange.ts'

/**
 * The text that a signature is made over. It is ASCII: every value in it was checked, and components and parameters are
 * structured fields.
 *
 * @param parameters the inner list and its parameters exactly as they stand, or will stand, in `Signature-Input`
 * @throws SignatureError `ERR_SIGNATURE_COMPONENT`, `ERR_SIGNATURE_COMPONENT_ABSENT`, `ERR_SIGNATURE_COMPONENT_VALUE`
 * @see RFC 9421 section 2.5
 */
export function buildSignatureBase(
  components: readonly Component[],
  parameters: string,
  exchange: SignedExchange,
): string {
  let base = ''
  for (const component of components) base += `${component.source}: ${componentValue(component, exchange)}\n`
  return `${base}"@signature-params": ${parameters}`
}
