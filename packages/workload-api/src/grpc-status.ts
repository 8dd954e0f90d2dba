/**
 * Status codes of gRPC that end calls here. They are numbers on the wire; written down so that a server need not load a gRPC
 * library for them.
 *
 * @see gRPC status codes (doc/statuscodes.md of the gRPC project)
 */
export const GrpcStatus = {
  OK: 0,
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const

/** How a call ends that is not answered. `details` goes to the caller. */
export interface GrpcFailure {
  readonly code: number
  readonly details: string
}
