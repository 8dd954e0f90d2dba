import type { FastifyRequest } from 'fastify'
import type { AuthenticatedNode } from '../../attestation/node-attestation.ts'

/** Who sent a request to a route that needs a node's certificate. */
export type NodeOf = (request: FastifyRequest) => AuthenticatedNode
