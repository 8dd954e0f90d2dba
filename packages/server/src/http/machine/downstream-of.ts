import type { FastifyRequest } from 'fastify'
import type { DownstreamServer } from '../../downstream/downstream-authentication.ts'

/** Which server below this one sent a request. */
export type DownstreamOf = (request: FastifyRequest) => DownstreamServer
