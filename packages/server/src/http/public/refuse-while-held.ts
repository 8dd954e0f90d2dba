import type { FastifyRequest } from 'fastify'
import type { IssuanceGate } from '../../recovery/issuance-gate.ts'

/** Health is told at any time. */
const ALWAYS: readonly (string | undefined)[] = ['/live', '/ready']

/**
 * Publishes nothing while the server's memory may be old: a key that was revoked since would be trusted again, one that was
 * made since would be trusted no more. Followers keep what they have.
 */
export function refuseWhileHeld(gate: Pick<IssuanceGate, 'requireMemory'>) {
  return async (request: FastifyRequest): Promise<void> => {
    if (!ALWAYS.includes(request.routeOptions.url)) gate.requireMemory()
  }
}
