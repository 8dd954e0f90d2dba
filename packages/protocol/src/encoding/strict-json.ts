import { EncodingError } from './encoding-error.ts'

export type JsonObject = { readonly [name: string]: unknown }

/** Deepest nesting of objects and arrays a token or bundle may have. */
const MAX_DEPTH = 16

/**
 * Parses one JSON object and nothing else. Two members of one name are refused: parsers disagree on which one counts,
 * so one party could check a value that another does not see.
 *
 * The caller limits the size. Time is linear in it.
 *
 * @throws EncodingError `ERR_ENCODING_JSON` when the text is not JSON, not an object, or a member name has an escape
 * @throws EncodingError `ERR_ENCODING_JSON_DUPLICATE` for a repeated member name, at any depth
 * @throws EncodingError `ERR_ENCODING_JSON_DEPTH` for more than 16 nested levels
 * @see RFC 7515 section 4 and RFC 7519 section 4 (duplicate names)
 */
export function parseJsonObject(text: string, maxDepth = MAX_DEPTH): JsonObject {
  // Before JSON.parse: depth is what could exhaust a recursive reader.
  const members = countMembers(text, maxDepth)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    // The parser's own message quotes the input, so it goes no further than `cause`.
    throw new EncodingError('ERR_ENCODING_JSON', 'text is not JSON', { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new EncodingError('ERR_ENCODING_JSON', 'JSON text is not an object')
  }
  // A repeated name leaves fewer members in the value than colons in the text.
  if (members !== countOwnMembers(value)) {
    throw new EncodingError('ERR_ENCODING_JSON_DUPLICATE', 'JSON object has two members of one name')
  }
  return value as JsonObject
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const OPEN_OBJECT = 0x7b
const OPEN_ARRAY = 0x5b
const CLOSE_OBJECT = 0x7d
const CLOSE_ARRAY = 0x5d

/** Counts the colons outside strings: in valid JSON, exactly one for each member. */
function countMembers(text: string, maxDepth: number): number {
  const hasEscapes = text.includes('\\')
  const length = text.length
  let members = 0
  let depth = 0
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index)
    if (code === QUOTE) {
      const close = hasEscapes ? endOfString(text, index) : text.indexOf('"', index + 1)
      // The string never closes: not JSON, whatever is in it.
      if (close === -1) return members
      if (hasEscapes) rejectEscapedName(text, index, close)
      index = close
    } else if (code === COLON) {
      members++
    } else if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      if (++depth > maxDepth) throw new EncodingError('ERR_ENCODING_JSON_DEPTH', 'JSON is nested too deeply')
    } else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) {
      depth--
    }
  }
  return members
}

/**
 * A member name with an escape sequence is another spelling of a plain name. Nobody needs it, and V8 has been seen to
 * take one such name for another, which hides a duplicate.
 */
function rejectEscapedName(text: string, open: number, close: number): void {
  const backslash = text.indexOf('\\', open)
  if (backslash === -1 || backslash > close) return
  let next = close + 1
  while (/[\t\n\r ]/.test(text.charAt(next))) next++
  if (text.charCodeAt(next) === COLON) {
    throw new EncodingError('ERR_ENCODING_JSON', 'JSON member name has an escape sequence')
  }
}

/** Index of the closing quote of the string that opens at `open`, or -1 when it never closes. */
function endOfString(text: string, open: number): number {
  let close = text.indexOf('"', open + 1)
  while (close !== -1 && isEscaped(text, close)) close = text.indexOf('"', close + 1)
  return close
}

function isEscaped(text: string, index: number): boolean {
  let backslashes = 0
  while (text.charCodeAt(index - 1 - backslashes) === BACKSLASH) backslashes++
  return backslashes % 2 === 1
}

function countOwnMembers(value: object): number {
  let count = 0
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object' && item !== null) count += countOwnMembers(item)
    return count
  }
  for (const name of Object.keys(value)) {
    count++
    const member = (value as Record<string, unknown>)[name]
    if (typeof member === 'object' && member !== null) count += countOwnMembers(member)
  }
  return count
}
