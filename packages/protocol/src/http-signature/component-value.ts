import type { Component } from './component.ts'
import type { MessageFields } from './message-fields.ts'
import { parseDictionary } from './parse-structured-field.ts'
import { queryParameter } from './query-parameter.ts'
import { serializeBytes, serializeMember } from './serialize-structured-field.ts'
import { SignatureError } from './signature-error.ts'
import type { ReadRequest, SignedExchange } from './signed-exchange.ts'
import { canonicalField, structuredFieldType } from './structured-field-types.ts'
import { authorityOf, splitTarget } from './target-parts.ts'

/** What may stand in a signature base. A line break would let one value pose as several lines. */
const BASE_VALUE = /^[\t -~]*$/

/**
 * The value of one component of a message.
 *
 * @throws SignatureError `ERR_SIGNATURE_COMPONENT` for a component the message cannot have,
 *   `ERR_SIGNATURE_COMPONENT_ABSENT` for one it does not have, `ERR_SIGNATURE_COMPONENT_VALUE` for line folding and
 *   anything else that is not visible ASCII
 * @see RFC 9421 sections 2.1 to 2.4
 */
export function componentValue(component: Component, exchange: SignedExchange): string {
  const { request, response } = exchange
  if (component.fromRequest && response === undefined) {
    throw misplaced(component, 'a request has no request before it')
  }
  const source = component.fromRequest || response === undefined ? request : response
  const value = component.name.startsWith('@')
    ? derivedValue(component, component.fromRequest ? { request } : exchange)
    : fieldValue(component, source.fields)
  if (value === undefined) {
    throw new SignatureError('ERR_SIGNATURE_COMPONENT_ABSENT', 'signature covers something that the message lacks', {
      detail: component.source.slice(0, 100),
    })
  }
  if (!BASE_VALUE.test(value)) throw unusableValue(component)
  return value
}

function derivedValue(component: Component, { request, response }: SignedExchange): string | undefined {
  if (component.name === '@status') {
    if (response === undefined) throw misplaced(component, 'a request has no status')
    return String(response.message.status)
  }
  if (response !== undefined) throw misplaced(component, 'a response has none of its own')
  const { method, target, scheme } = request.message
  switch (component.name) {
    case '@method':
      return method
    case '@request-target':
      return target
    case '@scheme':
      return scheme?.toLowerCase()
    case '@authority':
      return authorityOf(request)
    case '@path':
      return splitTarget(target).path
    case '@query':
      return splitTarget(target).query
    case '@query-param':
      return queryParameter(splitTarget(target).query, component.member as string)
    default:
      return targetUri(request)
  }
}

function targetUri(request: ReadRequest): string | undefined {
  const { scheme, target } = request.message
  if (!target.startsWith('/')) return target
  const authority = authorityOf(request)
  return scheme === undefined || authority === undefined ? undefined : `${scheme.toLowerCase()}://${authority}${target}`
}

function fieldValue(component: Component, fields: MessageFields): string | undefined {
  const { name, form, member } = component
  const combined = fields.combined(name)
  if (combined === undefined) return undefined
  switch (form) {
    case 'plain':
      return combined
    case 'bs':
      return (fields.values(name) ?? []).map((value) => serializeBytes(fieldBytes(value, component))).join(', ')
    case 'sf': {
      const type = structuredFieldType(name)
      if (type === undefined) throw misplaced(component, 'structure of the field is not known')
      return canonicalField(combined, type, name)
    }
    case 'key': {
      if ((structuredFieldType(name) ?? 'dictionary') !== 'dictionary') throw misplaced(component, 'not a dictionary')
      const found = parseDictionary(combined, name).get(member as string)
      return found === undefined ? undefined : serializeMember(found)
    }
  }
}

/** The bytes on the wire: HTTP libraries give each as the character of the same number. */
function fieldBytes(value: string, component: Component): Uint8Array {
  if (!/^[\t -~\x80-\xff]*$/.test(value)) throw unusableValue(component)
  return Uint8Array.from(value, (character) => character.charCodeAt(0))
}

function misplaced(component: Component, why: string): SignatureError {
  return new SignatureError('ERR_SIGNATURE_COMPONENT', 'signature covers a component that the message cannot have', {
    detail: `${component.source.slice(0, 100)}: ${why}`,
  })
}

function unusableValue(component: Component): SignatureError {
  return new SignatureError('ERR_SIGNATURE_COMPONENT_VALUE', 'signature covers a value that is not visible ASCII', {
    detail: component.source.slice(0, 100),
  })
}
