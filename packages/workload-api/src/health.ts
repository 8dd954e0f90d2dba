import { create } from '@bufbuild/protobuf'
import {
  type Health,
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthCheckResponseSchema,
  HealthListResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from './gen/grpc/health/v1/health_pb.ts'
import type { ServerStreamingCall } from './grpc-call.ts'
import { type GrpcHandlers, MalformedRequest, type Received } from './grpc-service.ts'
import { type GrpcFailure, GrpcStatus } from './grpc-status.ts'

type HealthWatcher = ServerStreamingCall<Received<HealthCheckRequest>, HealthCheckResponse>

/** Serving states by service name, and the health service that tells them. The name "" is the server as a whole. */
export class HealthService {
  readonly #serving = new Map<string, boolean>()
  readonly #watchers = new Map<HealthWatcher, string>()

  constructor(names: readonly string[]) {
    for (const name of names) this.#serving.set(name, false)
  }

  /** Sets every name, and tells the watchers when that changes anything. */
  setServing(serving: boolean): void {
    for (const [name, before] of this.#serving) {
      if (before === serving) continue
      this.#serving.set(name, serving)
      for (const [watcher, watched] of this.#watchers) {
        if (watched === name) watcher.write(this.#state(name))
      }
    }
  }

  readonly handlers: GrpcHandlers<typeof Health> = {
    check: (call, callback) => {
      if (call.request instanceof MalformedRequest) return callback(MALFORMED)
      if (!this.#serving.has(call.request.service)) return callback(UNKNOWN_SERVICE)
      callback(null, this.#state(call.request.service))
    },
    list: (_call, callback) => {
      const statuses = Object.fromEntries([...this.#serving.keys()].map((name) => [name, this.#state(name)]))
      callback(null, create(HealthListResponseSchema, { statuses }))
    },
    watch: (call) => {
      if (call.request instanceof MalformedRequest) {
        call.emit('error', MALFORMED)
        return
      }
      this.#watchers.set(call, call.request.service)
      const forget = () => this.#watchers.delete(call)
      call.on('cancelled', forget)
      call.on('close', forget)
      call.write(this.#state(call.request.service))
    },
  }

  #state(name: string): HealthCheckResponse {
    const serving = this.#serving.get(name)
    if (serving === undefined) return create(HealthCheckResponseSchema, { status: ServingStatus.SERVICE_UNKNOWN })
    return create(HealthCheckResponseSchema, { status: serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING })
  }
}

const MALFORMED: GrpcFailure = Object.assign(new Error('request is not a health check'), {
  code: GrpcStatus.INVALID_ARGUMENT,
  details: 'request is not a health check',
})
const UNKNOWN_SERVICE: GrpcFailure = Object.assign(new Error('service is not known'), {
  code: GrpcStatus.NOT_FOUND,
  details: 'service is not known',
})
