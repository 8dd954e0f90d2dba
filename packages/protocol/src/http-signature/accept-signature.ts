import { type Component, compileComponents, FIELD_NAME } from './component.ts'
import { parseDictionary } from './parse-structured-field.ts'
import { requireInnerList, selectByTag } from './select-signature.ts'
import { serializeMember, serializeString } from './serialize-structured-field.ts'
import { SignatureError } from './signature-error.ts'
import { flagParameter, rejectForbiddenParameters, requireParameter } from './signature-parameters.ts'
import type { Parameters } from './structured-field.ts'
import { REQUEST_COVERAGE, SIGNATURE_LABEL, SIGNATURE_TAG, withFields } from './wimse-profile.ts'

const ACCEPT_SIGNATURE = 'accept-signature'

const MAX_AUDIENCE_LENGTH = 2048

/** Parameters that a request for a signature may have besides those that are refused by a code of their own. */
const KNOWN_PARAMETERS: ReadonlySet<string> = new Set([
  'created',
  'expires',
  'nonce',
  'tag',
  'wimse-aud',
  'wimse-sign-response',
])

/** Fields that signing writes last: nothing signed now can cover them. */
const SIGNATURE_FIELDS: ReadonlySet<string> = new Set(['signature', 'signature-input'])

export interface AcceptSignatureOptions {
  /** Further request fields that this service reads as tokens. */
  readonly otherTokenFields?: readonly string[]
  /** What `wimse-aud` should be. */
  readonly audience?: string
  /** Ask callers to take no unsigned response. */
  readonly signResponse?: boolean
}

/** What a service asks the next requests' signatures to be like. It came unauthenticated: it is a wish, not a fact. */
export interface AcceptedSignature {
  /** What the signature is to be called in the message. */
  readonly label: string
  /** What it is to cover beyond the profile, serialised: for `components` of `HttpSignatureBuilder.signRequest`. */
  readonly components: readonly string[]
  /** The service wants to be asked for signed responses. Absent: it did not say. */
  readonly signResponse?: boolean
  /**
   * The audience that the service goes by in its own words. To be signed for only where it is known to be that service's:
   * whoever could choose it freely would get a signature to use elsewhere, since the authority is not covered.
   */
  readonly audience?: string
}

/**
 * The value of the `Accept-Signature` field with which a service asks its callers to sign by the profile. What it lists is
 * wanted when the request has it. No nonce is asked for: RFC 9421 has no way to ask for one without choosing its value.
 *
 * @throws TypeError for a field name or an audience that cannot be written
 * @see RFC 9421 section 5.1, draft-ietf-wimse-http-signature, "MUST list the request components"
 */
export function formatAcceptSignature(options: AcceptSignatureOptions = {}): string {
  const { always, whenPresent } = withFields(REQUEST_COVERAGE, options.otherTokenFields)
  if (!whenPresent.every(({ name }) => FIELD_NAME.test(name))) {
    throw new TypeError('a token field must have a field name')
  }
  const components = [...always, ...whenPresent.map(({ component }) => component)]
  const audience = options.audience === undefined ? '' : `;wimse-aud=${serializeString(options.audience)}`
  const signResponse = options.signResponse === true ? ';wimse-sign-response' : ''
  return `${SIGNATURE_LABEL}=(${components.join(' ')});created;expires;tag="${SIGNATURE_TAG}"${audience}${signResponse}`
}

/**
 * Reads what a service asks for in a response. A list that leaves out some of the profile's components is taken: signing
 * covers those all the same.
 *
 * @param value the field's values, joined by ", "
 * @returns `undefined` when nothing is asked for by the profile
 * @throws SignatureError `ERR_SIGNATURE_TOO_LARGE`, `ERR_SIGNATURE_MALFORMED`, `ERR_SIGNATURE_AMBIGUOUS`; for what a
 *   signature of the profile cannot be: `ERR_SIGNATURE_KEY_ID`, `ERR_SIGNATURE_ALGORITHM`, `ERR_SIGNATURE_NONCE`,
 *   `ERR_SIGNATURE_PARAMETER`, `ERR_SIGNATURE_COMPONENT`, `ERR_SIGNATURE_COMPONENT_DUPLICATE`
 * @see RFC 9421 section 5.2
 */
export function parseAcceptSignature(value: string): AcceptedSignature | undefined {
  const found = selectByTag([...parseDictionary(value, ACCEPT_SIGNATURE)].map(requireInnerList))
  if (found === undefined) return undefined
  const [label, list] = found
  const { parameters } = list
  rejectUnfulfillable(parameters)
  const compiled = compileComponents(list.items)
  for (const component of compiled) rejectImpossible(component)
  const profile = new Set([
    ...REQUEST_COVERAGE.always,
    ...REQUEST_COVERAGE.whenPresent.map(({ component }) => component),
  ])
  const components = list.items.map(serializeMember).filter((component) => !profile.has(component))
  return {
    label,
    components,
    ...(parameters.has('wimse-sign-response')
      ? { signResponse: flagParameter(parameters, 'wimse-sign-response') }
      : {}),
    ...(parameters.has('wimse-aud') ? { audience: audienceOf(parameters) } : {}),
  }
}

function rejectUnfulfillable(parameters: Parameters): void {
  rejectForbiddenParameters(parameters)
  for (const name of parameters.keys()) {
    if (!KNOWN_PARAMETERS.has(name)) throw unfulfillable(`signature is asked for with an unknown parameter`, name)
  }
  for (const name of ['created', 'expires']) {
    if (parameters.has(name) && !flagParameter(parameters, name)) {
      throw unfulfillable('signature is asked for without a time', name)
    }
  }
  // A value chosen by someone else is no nonce of ours. Without one, it asks for what every signature of the profile has.
  const nonce = parameters.get('nonce')
  if (nonce !== undefined && !(nonce.type === 'boolean' && nonce.value)) {
    throw new SignatureError('ERR_SIGNATURE_NONCE', 'signature is asked for with a nonce of the other side')
  }
}

function audienceOf(parameters: Parameters): string {
  const audience = requireParameter(parameters, 'wimse-aud', 'string')
  if (audience === '' || audience.length > MAX_AUDIENCE_LENGTH) {
    throw unfulfillable('signature is asked for with an unusable audience', 'wimse-aud')
  }
  return audience
}

/** What no request has, whatever it holds. Whether this one has the rest is known when it is signed. */
function rejectImpossible({ name, source, fromRequest }: Component): void {
  if (fromRequest || name === '@status' || SIGNATURE_FIELDS.has(name)) {
    throw new SignatureError('ERR_SIGNATURE_COMPONENT', 'signature is asked for over what a request cannot cover', {
      detail: source.slice(0, 100),
    })
  }
}

function unfulfillable(message: string, name: string): SignatureError {
  return new SignatureError('ERR_SIGNATURE_PARAMETER', message, { detail: name.slice(0, 100) })
}
