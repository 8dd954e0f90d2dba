/** How a call came to its end, in words that fit a report: `PERMISSION_DENIED`, `reset PROTOCOL_ERROR`, `disconnected`. */
export interface Ending {
  readonly name: string
  /** What the server said about it, made safe to print. */
  readonly detail: string
}

/** What a call brought in its time: a message, its end, or neither. */
export interface Answer {
  readonly message?: Uint8Array
  readonly ending?: Ending
}

const STATUS_NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]

const MAX_DETAIL = 160

/** @param status value of `grpc-status` @param message value of `grpc-message`, percent-encoded */
export function grpcEnding(status: string, message: string): Ending {
  return {
    name: STATUS_NAMES[Number(status)] ?? `grpc-status ${safeDetail(status)}`,
    detail: safeDetail(decode(message)),
  }
}

export function describeAnswer({ message, ending }: Answer): string {
  if (message !== undefined) return `a message of ${message.length} bytes`
  return ending === undefined ? 'no answer in time' : describeEnding(ending)
}

export function describeEnding({ name, detail }: Ending): string {
  return detail === '' ? name : `${name} (${detail})`
}

/** A server may repeat what it was sent, and a report may be published: nothing that looks like a token gets through. */
export function safeDetail(text: string): string {
  const hidden = text.replace(/eyJ[\w-]+(?:\.[\w-]*)*/g, '[token]').replace(/[\w+=-]{48,}/g, '[data]')
  return hidden.length > MAX_DETAIL ? `${hidden.slice(0, MAX_DETAIL)}…` : hidden
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
