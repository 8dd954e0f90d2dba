/** gRPC services as servers and clients want them, made from generated protobuf descriptors. */
import { type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf'
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2'
import type { HandleBidiStreaming, HandleServerStreaming, HandleUnary } from './grpc-call.ts'

/** Stands in for a request whose bytes are not the message they should be, so that a handler can say so. */
export class MalformedRequest {}

/** What a handler receives. */
export type Received<Request> = Request | MalformedRequest

/** Bytes of one request: a token and a few audiences. */
const MAX_REQUEST_BYTES = 64 * 1024

type Service = GenService<GenServiceMethods>
type Input<Method> = Method extends { input: infer Schema extends DescMessage } ? MessageShape<Schema> : never
type Output<Method> = Method extends { output: infer Schema extends DescMessage } ? MessageShape<Schema> : never

/** One method on the wire. grpc-js takes this form, and so does the agent's own server. */
export interface GrpcMethod<Request, Response> {
  /** `/package.Service/Method`. */
  readonly path: string
  readonly requestStream: boolean
  readonly responseStream: boolean
  requestSerialize(request: Request): Buffer
  requestDeserialize(bytes: Buffer): Request
  responseSerialize(response: Response): Buffer
  responseDeserialize(bytes: Buffer): Response
  readonly originalName: string
}

/** What services are added to: a server of grpc-js, or one of the same form. */
export interface GrpcServiceHost {
  addService(
    methods: Readonly<Record<string, GrpcMethod<unknown, unknown>>>,
    handlers: Readonly<Record<string, unknown>>,
  ): void
}

/** Wire description of each method of a generated service; keys are the generated method names. */
export type GrpcMethods<S extends Service> = {
  readonly [Name in keyof S['method']]: GrpcMethod<Input<S['method'][Name]>, Output<S['method'][Name]>>
}

/** What a server implements for a generated service. */
export type GrpcHandlers<S extends Service> = {
  readonly [Name in keyof S['method']]: Handler<S['method'][Name]>
}

type Handler<Method> = Method extends { methodKind: 'unary' }
  ? HandleUnary<Received<Input<Method>>, Output<Method>>
  : Method extends { methodKind: 'server_streaming' }
    ? HandleServerStreaming<Received<Input<Method>>, Output<Method>>
    : HandleBidiStreaming<Received<Input<Method>>, Output<Method>>

/**
 * Describes a generated service to a gRPC library.
 *
 * A request that does not decode reaches the handler as `MalformedRequest`: left to itself, a gRPC library answers INTERNAL,
 * which clients read as a passing fault of the server and retry for ever.
 *
 * @param maxRequestBytes a longer request does not decode either; default 64 KiB
 */
export function defineGrpcMethods<S extends Service>(service: S, maxRequestBytes = MAX_REQUEST_BYTES): GrpcMethods<S> {
  const methods: Record<string, GrpcMethod<unknown, unknown>> = {}
  for (const method of service.methods) {
    methods[method.localName] = {
      path: `/${service.typeName}/${method.name}`,
      requestStream: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
      responseStream: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
      requestSerialize: encoder(method.input),
      requestDeserialize: (bytes) => decodeRequest(method.input, bytes, maxRequestBytes),
      responseSerialize: encoder(method.output),
      responseDeserialize: (bytes) => fromBinary(method.output, bytes),
      originalName: method.name,
    }
  }
  return methods as unknown as GrpcMethods<S>
}

/** Registers a service under its typed handlers. */
export function addGrpcService<S extends Service>(
  server: GrpcServiceHost,
  methods: GrpcMethods<S>,
  handlers: GrpcHandlers<S>,
): void {
  server.addService(methods, handlers)
}

function encoder(schema: DescMessage): (message: unknown) => Buffer {
  return (message) => {
    const bytes = toBinary(schema, message as MessageShape<typeof schema>)
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
}

function decodeRequest(schema: DescMessage, bytes: Uint8Array, maxBytes: number): unknown {
  if (bytes.length > maxBytes) return new MalformedRequest()
  try {
    // What nobody here reads is not kept: Envoy sends the names of everything it was built with.
    return fromBinary(schema, bytes, { readUnknownFields: false })
  } catch {
    return new MalformedRequest()
  }
}
