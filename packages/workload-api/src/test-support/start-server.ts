import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Server, ServerCredentials, status } from '@grpc/grpc-js'
import { onTestFinished } from 'vitest'
import type { SpiffeWorkloadAPI } from '../gen/workloadapi_pb.ts'
import { addGrpcService, type GrpcHandlers } from '../grpc-service.ts'
import { workloadApiMethods } from '../service.ts'

type Handlers = GrpcHandlers<typeof SpiffeWorkloadAPI>

export const failure = (code: status, details: string) => Object.assign(new Error(details), { code, details })

const unimplementedStream: Handlers['fetchX509SVID'] = (call) => {
  call.emit('error', failure(status.UNIMPLEMENTED, 'not here'))
}

/** A gRPC server on a Unix socket of its own; methods that are not given are unimplemented. */
export async function startServer(handlers: Partial<Handlers>, prepare?: (server: Server) => void): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-workload-api-'))
  const server = new Server()
  addGrpcService<typeof SpiffeWorkloadAPI>(server, workloadApiMethods, {
    fetchX509SVID: unimplementedStream,
    fetchX509Bundles: unimplementedStream as never,
    fetchJWTSVID: (_, callback) => callback(failure(status.UNIMPLEMENTED, 'not here')),
    fetchJWTBundles: unimplementedStream as never,
    validateJWTSVID: (_, callback) => callback(failure(status.UNIMPLEMENTED, 'not here')),
    fetchWITSVID: unimplementedStream as never,
    fetchWITBundles: unimplementedStream as never,
    ...handlers,
  })
  prepare?.(server)
  const path = join(folder, 'api.sock')
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve()))
  })
  onTestFinished(async () => {
    server.forceShutdown()
    await rm(folder, { recursive: true, force: true })
  })
  return `unix://${path}`
}
