import { endWith } from '@countersign/telemetry'
import { type HandleUnary, MalformedRequest, type Received } from '@countersign/workload-api/server'
import { denialReason } from '../telemetry/denial-reason.ts'
import { UNOBSERVED } from '../telemetry/observation.ts'
import { type Caller, requireSecurityHeader } from './caller.ts'
import { invalidArgument, toRpcError } from './rpc-error.ts'
import type { ServiceContext } from './service-context.ts'

export interface UnaryMethod<Request, Response> {
  /** Checks that need no caller: shape and mandatory fields. */
  readonly validate: (request: Request) => void
  readonly answer: (request: Request, caller: Caller) => Promise<Response>
}

/** Header, shape, caller, answer: the order every unary call goes through. */
export function handleUnary<Request, Response>(
  context: ServiceContext,
  method: UnaryMethod<Request, Response>,
): HandleUnary<Received<Request>, Response> {
  const { recorder, tracing } = context.observation ?? UNOBSERVED
  return (call, callback) => {
    const path = call.getPath()
    const seconds = recorder.stopwatch()
    const respond = async () => {
      requireSecurityHeader(call)
      const { request } = call
      if (request instanceof MalformedRequest) throw invalidArgument('request cannot be decoded')
      method.validate(request)
      return method.answer(request, await context.callers.resolve(call))
    }
    endWith(tracing.begin(path, { kind: 'server' }), respond)
      .finally(() => recorder.callAnswered(path, seconds()))
      .then(
        (response) => callback(null, response),
        (error) => {
          recorder.denied(denialReason(error))
          callback(toRpcError(error, context.log))
        },
      )
  }
}
