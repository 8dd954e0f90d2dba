import type { MessageFields } from './message-fields.ts'
import { parseDictionary, type ReadingAids } from './parse-structured-field.ts'
import { SignatureError } from './signature-error.ts'
import type { InnerList, Member } from './structured-field.ts'
import { SIGNATURE_LABEL, SIGNATURE_TAG } from './wimse-profile.ts'

/** The signature of a message that follows the profile, and what it says of itself. Nothing of it is verified yet. */
export interface SelectedSignature {
  readonly label: string
  readonly input: InnerList
  readonly bytes: Uint8Array
}

/** Whether a message claims to be signed: one of the two fields is enough. */
export function isSigned(fields: MessageFields): boolean {
  return fields.has('signature') || fields.has('signature-input')
}

/**
 * Finds the one signature of the profile. Others, made for someone else under another tag, may stand beside it; of several
 * with the profile's tag only the one under the profile's label counts.
 *
 * @throws SignatureError `ERR_SIGNATURE_MISSING`, `ERR_SIGNATURE_MALFORMED`, `ERR_SIGNATURE_TOO_LARGE`,
 *   `ERR_SIGNATURE_TAG`, `ERR_SIGNATURE_AMBIGUOUS`
 * @see RFC 9421 section 3.2, draft-ietf-wimse-http-signature, "It is RECOMMENDED to include only one signature"
 */
export function selectSignature(fields: MessageFields, aids?: ReadingAids): SelectedSignature {
  const inputField = fields.combined('signature-input')
  const signatureField = fields.combined('signature')
  if (inputField === undefined || signatureField === undefined) {
    throw new SignatureError('ERR_SIGNATURE_MISSING', 'message is not signed')
  }
  const inputs = [...parseDictionary(inputField, 'signature-input', aids)].map(requireInnerList)
  const signatures = parseDictionary(signatureField, 'signature', aids)
  const selected = selectByTag(inputs)
  if (selected === undefined) {
    throw new SignatureError('ERR_SIGNATURE_TAG', 'no signature of the message is made for workloads')
  }
  const [label, input] = selected
  const member = signatures.get(label)
  if (member === undefined) {
    throw new SignatureError('ERR_SIGNATURE_MISSING', 'message lacks the signature that it announces')
  }
  if (member.kind !== 'item' || member.bare.type !== 'bytes') {
    throw new SignatureError('ERR_SIGNATURE_MALFORMED', 'signature is not a byte sequence')
  }
  return { label, input, bytes: member.bare.value }
}

/** @throws SignatureError `ERR_SIGNATURE_MALFORMED` */
export function requireInnerList([label, member]: readonly [string, Member]): readonly [string, InnerList] {
  if (member.kind !== 'inner-list') {
    throw new SignatureError('ERR_SIGNATURE_MALFORMED', 'signature input is not a list of components')
  }
  return [label, member]
}

/**
 * The one member with the profile's tag; of several the one with its label.
 *
 * @throws SignatureError `ERR_SIGNATURE_AMBIGUOUS`
 */
export function selectByTag(
  inputs: readonly (readonly [string, InnerList])[],
): readonly [string, InnerList] | undefined {
  const candidates = inputs.filter(([, input]) => {
    const tag = input.parameters.get('tag')
    return tag?.type === 'string' && tag.value === SIGNATURE_TAG
  })
  const [first, second] = candidates
  if (second === undefined) return first
  const labelled = candidates.find(([label]) => label === SIGNATURE_LABEL)
  if (labelled === undefined) {
    throw new SignatureError('ERR_SIGNATURE_AMBIGUOUS', 'message does not say which of its signatures counts')
  }
  return labelled
}
