/** Turns anything a caller logs into plain JSON that holds no secret, has no cycle and is not large. */
import { WorkloadIdentityError } from '@countersign/protocol'
import { isPrivateJwkMember, isSecretName, REDACTED, redactText } from './redact.ts'

const MAX_DEPTH = 8
const MAX_MEMBERS = 100
const MAX_TEXT_LENGTH = 8192
const MAX_CAUSES = 4

/**
 * @returns a copy in which members with secret names are `"[redacted]"`, texts went through `redactText`, errors are
 * `{ name, code, message, detail, cause }`, bytes are their length, and what is too deep, wide or long is cut
 */
export function toLogValue(value: unknown): unknown {
  try {
    return convert(value, 0, new Set())
  } catch {
    // A getter or proxy that throws must not turn a log line into a failure of the work it describes.
    return '[not readable]'
  }
}

function convert(value: unknown, depth: number, above: Set<object>): unknown {
  switch (typeof value) {
    case 'string':
      return convertText(value)
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'boolean':
    case 'undefined':
      return value
    case 'object':
      return value === null ? null : convertObject(value, depth, above)
    default:
      return typeof value === 'bigint' ? value.toString() : `[${typeof value}]`
  }
}

function convertText(text: string): string {
  // Redacted before it is cut: half a token is still a token's header and claims.
  const clean = redactText(text)
  return clean.length <= MAX_TEXT_LENGTH ? clean : `${clean.slice(0, MAX_TEXT_LENGTH)}… (${clean.length} characters)`
}

function convertObject(value: object, depth: number, above: Set<object>): unknown {
  if (value instanceof Error) return convertError(value, 0)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString()
  if (value instanceof URL) return convertText(value.href)
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`
  if (above.has(value)) return '[circular]'
  if (depth >= MAX_DEPTH) return '[too deep]'
  above.add(value)
  const converted = convertContainer(value, depth + 1, above)
  above.delete(value)
  return converted
}

function convertContainer(value: object, depth: number, above: Set<object>): unknown {
  if (Array.isArray(value) || value instanceof Set) {
    const items = [...value]
    const converted = items.slice(0, MAX_MEMBERS).map((item) => convert(item, depth, above))
    return items.length > MAX_MEMBERS ? [...converted, `… (${items.length} items)`] : converted
  }
  const members = value instanceof Map ? [...value].map(([key, item]) => [String(key), item]) : Object.entries(value)
  const converted: [string, unknown][] = members
    .slice(0, MAX_MEMBERS)
    .map(([key, item]) => [
      redactText(key),
      isSecretName(key) || isPrivateJwkMember(key, value) ? hide(item) : convert(item, depth, above),
    ])
  if (members.length > MAX_MEMBERS) converted.push(['…', `${members.length} members`])
  return Object.fromEntries(converted)
}

/** Absence is no secret, and worth seeing. */
function hide(value: unknown): unknown {
  return value === undefined || value === null ? value : REDACTED
}

/** Our own errors need no stack: their code says where they come from. */
function convertError(error: Error, causes: number): object {
  const ours = error instanceof WorkloadIdentityError
  const code = (error as { code?: unknown }).code
  return {
    ...(ours ? {} : { name: error.name }),
    ...(typeof code === 'string' ? { code } : {}),
    message: convertText(error.message),
    ...(ours && error.detail !== undefined ? { detail: convertText(error.detail) } : {}),
    ...(ours || error.stack === undefined ? {} : { stack: convertText(error.stack) }),
    ...(error.cause === undefined ? {} : { cause: convertCause(error.cause, causes + 1) }),
  }
}

/** The code of a cause is enough where there is one; else the cause itself, to a bounded depth. */
function convertCause(cause: unknown, causes: number): unknown {
  const code = typeof cause === 'object' && cause !== null ? (cause as { code?: unknown }).code : undefined
  if (typeof code === 'string') return code
  if (causes > MAX_CAUSES) return '[too deep]'
  return cause instanceof Error ? convertError(cause, causes) : convert(cause, MAX_DEPTH - 1, new Set())
}
